"""What a test can have in a namespace of its own: host names, a file system, addresses."""
import os
import shutil
import subprocess

from expect import Skip
from tap import as_network_admin, private_network

WITH_FILES = """where=$1 && shift && for file in hosts nsswitch.conf resolv.conf; do
    mount --bind "$where/$file" "/etc/$file" || exit; done; exec "$@\""""


def with_hosts(where, text, server=""):
    """The beginning of a command: what follows has TEXT, the file WHERE/hosts, as its /etc/hosts,
    and asks SERVER, an address, for other names. Skips where mount(8) is refused."""
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
    """The beginning of a command: what follows runs after mount(8) with ARGUMENTS, in a namespace of
    its own. Skips where that is refused."""
    if not shutil.which("unshare"):
        raise Skip("unshare (util-linux) is not installed")
    command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    command += ["sh", "-c", "mount %s && exec \"$@\"" % " ".join(arguments), "sh"]
    if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("mount(8) is refused")
    return command


def add_networks(*networks):
    """Makes all addresses of NETWORKS, of IPv4, ours: clients can come from them. Skips where the
    network is not our own."""
    if not private_network():
        raise Skip("the host's loopback is given no further addresses")
    for network in networks:
        if subprocess.run(["ip", "route", "replace", "local", network, "dev", "lo"],
                          stderr=subprocess.DEVNULL, preexec_fn=as_network_admin,
                          check=False).returncode:
            raise Skip("the loopback interface cannot be given addresses")
