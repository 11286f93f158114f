#!/bin/sh
# Becomes the systemd of a machine whose files are in $1: run in new pid, mount, cgroup, uts and ipc namespaces.
# $2 names its cgroup. Each further argument is a bind, FROM:TO, read-only. Programs are those of this machine's /usr.
set -eu
root=$1; cgroup=$2
mount --make-rprivate /
# Two machines with one cgroup would have services in common.
if [ "$cgroup" != - ]; then
  mount -t cgroup2 cgroup2 /mnt
  mkdir -p "/mnt/$cgroup"
  echo $$ >"/mnt/$cgroup/cgroup.procs"
  umount /mnt
  shift 2
  exec unshare --cgroup "$0" "$root" - "$@"
fi
shift 2
mount --bind "$root" "$root"
for each in bin sbin lib lib64; do [ ! -L "/$each" ] || ln -sfn "usr/$each" "$root/$each"; done
for each in usr proc sys dev run old local/bin local/sbin; do mkdir -p "$root/$each"; done
mkdir -p -m 1777 "$root/tmp"
mount --rbind -o ro /usr "$root/usr"
mount --bind "$root/local" "$root/usr/local"
mount -t proc proc "$root/proc"
# The kernel is shared: its settings are not the machine's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for each in null zero full random urandom tty; do touch "$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for each in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${each%%:*}" "$root/dev/${each#*:}"; done
for bind in "$@"; do mkdir -p "$root${bind#*:}"; mount --bind -o ro "${bind%%:*}" "$root${bind#*:}"; done
cd "$root"
pivot_root . old
umount -l /old
# As on any machine: what a service is given by its manager is mounted for all to see.
mount --make-rshared /
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-sys_boot \
  env -i container=machine PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin /lib/systemd/systemd --unit=multi-user.target
