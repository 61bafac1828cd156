# SPDX-License-Identifier: MIT
# Debian with its own kernel in qemu: tests go in as an archive, what they say comes out of a port.
"""A virtual machine that runs pytest files and ends."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import host_roots

# Without KVM, one or two minutes are the boot alone; a busy machine needs several times that.
_LIMIT = 2400
_SERVICE = """\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS0
Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/mnt/tests/support:/mnt/tests/host MMSD_PACKAGE=/mnt/mmsd.deb
ExecStart=/bin/sh -c 'tar -C /mnt -xf /dev/vdb && cd /mnt/tests/host/guest && \
python3 -m pytest -x -v -rA --color=no -p no:cacheprovider --tb=short .; echo GUEST-STATUS=$?'
ExecStopPost=systemctl poweroff -ff
"""
_KERNEL = ("root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 net.ifnames=0 mitigations=off "
           "audit=1 apparmor=1 security=apparmor log_buf_len=4M")


def run_guest(suite: str, deb: pathlib.Path, folder: pathlib.Path) -> tuple[int, str]:
    """Runs tests/host/guest on a new machine. @return status of pytest, and all that it said"""
    root = host_roots.vm_root(suite, deb)
    image, archive, console = (folder / name for name in ("image", "archive", "console"))
    merged, upper, work = (folder / name for name in ("merged", "upper", "work"))
    for path in (merged, upper, work):
        path.mkdir()
    subprocess.run(["mount", "-t", "overlay", "-o",
                    f"lowerdir={root},upperdir={upper},workdir={work}", "none", merged], check=True)
    try:
        units = merged / "etc/systemd/system"
        (units / "guest.service").write_text(_SERVICE)
        (units / "multi-user.target.wants").mkdir(exist_ok=True)
        (units / "multi-user.target.wants/guest.service").symlink_to("../guest.service")
        (merged / "etc/hostname").write_text("guest\n")
        for unit in ("getty.target", "serial-getty@ttyS0.service", "systemd-timesyncd.service"):
            (units / unit).unlink(missing_ok=True)
            (units / unit).symlink_to("/dev/null")
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", merged, "-F", image, "2G"], check=True)
    finally:
        subprocess.run(["umount", merged], check=True)
    shutil.copy(deb, folder / "mmsd.deb")
    subprocess.run(["tar", "-cf", archive, "-C", folder, "mmsd.deb", "-C", host_roots.SOURCE,
                    "tests/support", "tests/host"], check=True)
    [kernel], [initrd] = root.glob("boot/vmlinuz-*"), root.glob("boot/initrd.img-*")
    subprocess.run(
        ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
         "-smp", "2", "-m", "1536", "-display", "none", "-nodefaults", "-no-reboot", "-nic", "none",
         "-serial", f"file:{console}", "-kernel", kernel, "-initrd", initrd, "-append", _KERNEL,
         "-drive", f"file={image},format=raw,if=virtio,cache=unsafe",
         "-drive", f"file={archive},format=raw,if=virtio,readonly=on"],
        check=True, timeout=_LIMIT, stdin=subprocess.DEVNULL)
    said = console.read_text(errors="replace")
    status = re.search(r"GUEST-STATUS=(\d+)", said)
    return int(status.group(1)) if status else -1, said
