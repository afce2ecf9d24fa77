"""Host names of a test's own: an /etc/hosts in a mount namespace."""
import os
import shutil
import subprocess

from expect import Skip

WITH_HOSTS = """mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/nsswitch.conf" \
/etc/nsswitch.conf && shift && exec "$@\""""


def with_hosts(where, text):
    """The beginning of a command: what follows has TEXT, the file WHERE/hosts, as its /etc/hosts.
    Skips where mount(8) is refused."""
    for name, content in (("hosts", text), ("nsswitch.conf", "hosts: files\n")):
        with open(os.path.join(where, name), "w", encoding="ascii") as file:
            file.write(content)
    if not (shutil.which("unshare") and os.path.exists("/etc/nsswitch.conf")):
        raise Skip("names cannot be made up here")
    command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    command += ["sh", "-c", WITH_HOSTS, "sh", where]
    if subprocess.run(command + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("names cannot be made up: mount(8) is refused")
    return command
