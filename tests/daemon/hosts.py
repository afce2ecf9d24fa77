"""Host names, mounts and addresses for a test, in namespaces of its own."""
import os
import shutil
import subprocess

from expect import Skip
from tap import as_network_admin, private_network

WITH_FILES = """where=$1 && shift && for file in hosts nsswitch.conf resolv.conf; do
    mount --bind "$where/$file" "/etc/$file" || exit; done; exec "$@\""""


def with_hosts(where, text, server=""):
    """A command prefix: the command after it has TEXT, in the file WHERE/hosts, as /etc/hosts, and the
    address SERVER as its name server. Skips if mount(8) is not permitted."""
    for name, content in (("hosts", text),
                          ("nsswitch.conf", "hosts: files%s\n" % (" dns" if server else "")),
                          ("resolv.conf", "nameserver %s\n" % server if server else "")):
        with open(os.path.join(where, name), "w", encoding="ascii") as file:
            file.write(content)
    if not (shutil.which("unshare") and os.path.exists("/etc/nsswitch.conf")):
        raise Skip("names cannot be made up here")
    command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    command += ["sh", "-c", WITH_FILES, "sh", where]
    if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("names cannot be made up: mount(8) is refused")
    return command


def with_mount(*arguments):
    """A command prefix: the command after it runs in a mount namespace of its own, after mount(8) with
    ARGUMENTS. Skips if that is not permitted."""
    if not shutil.which("unshare"):
        raise Skip("unshare (util-linux) is not installed")
    command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    command += ["sh", "-c", "mount %s && exec \"$@\"" % " ".join(arguments), "sh"]
    if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("mount(8) is refused")
    return command


def add_networks(*networks):
    """Makes all addresses of the IPv4 NETWORKS local, so that clients can use them. Skips without a
    network namespace of our own."""
    if not private_network():
        raise Skip("the host's loopback is given no further addresses")
    for network in networks:
        if subprocess.run(["ip", "route", "replace", "local", network, "dev", "lo"],
                          stderr=subprocess.DEVNULL, preexec_fn=as_network_admin,
                          check=False).returncode:
            raise Skip("the loopback interface cannot be given addresses")
