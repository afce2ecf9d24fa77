#!/bin/sh
# As root: run.sh SUITE DIRECTORY COMMAND...
# Runs each COMMAND in a checkout of this tree in a Debian SUITE that has nothing but its essential
# packages (mmdebstrap's minbase), as a newcomer's machine has it. The Debian is made in DIRECTORY, which is
# emptied before, and left for whoever looks for the logs.
set -eu

# enter ROOT COMMAND: becomes a shell in ROOT, with devices, terminals and kernel file systems as a
# container has them. To be called in namespaces of mounts and processes of its own.
enter() {
    root=$1
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
    for name in null zero full random urandom tty; do
        touch "$root/dev/$name"
        mount --bind "/dev/$name" "$root/dev/$name"
    done
    mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    for name in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${name%:*}" "$root/dev/${name#*:}"; done
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    if [ -e /dev/net/tun ]; then
        touch "$root/dev/net/tun"
        mount --bind /dev/net/tun "$root/dev/net/tun"
    fi
    mount -t tmpfs -o mode=0755 tmpfs "$root/run"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mkdir -p "$root/old"
    cd "$root"
    pivot_root . old
    umount -l /old
    exec env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -euc "cd /root/echod && $2"
}

# copy_tree ROOT: the working tree, and the repository that it is of.
copy_tree() {
    git clone -q --no-hardlinks . "$1/root/echod"
    git diff HEAD --binary | git -C "$1/root/echod" apply --allow-empty
    chown -R 0:0 "$1/root/echod"
}

if [ "$1" = --enter ]; then
    enter "$2" "$3"
fi

suite=$1 root=$2/root
shift 2
rm -rf "$root"
mkdir -p "$root"
mmdebstrap --quiet --variant=minbase "$suite" "$root"
copy_tree "$root"
for command; do
    printf '\n== on a bare %s: %s\n' "$suite" "$command"
    unshare --mount --pid --fork --kill-child "$0" --enter "$root" "$command"
done
