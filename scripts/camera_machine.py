"""Run the camera's tests in a virtual machine that has a camera: Linux' `vivid`, a driver that makes pictures itself.

Debian's kernel is started by QEMU. Its root is this machine's own, read-only over 9p, under a layer in memory: the
project's environment runs inside as it is. The kernel and busybox are unpacked from Debian's packages into
build/camera; nothing is installed. Where QEMU is missing, or the packages cannot be had, it says so and ends with 0.

Example:
  python scripts/camera_machine.py
  python scripts/camera_machine.py tests/camera -k unplugged
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "build" / "camera"

QEMU = "qemu-system-x86_64"
WANTED = ("virtio_pci", "9p", "9pnet_virtio", "overlay", "vivid")
"""Modules that the machine needs, apart from what they need themselves."""

CAMERA = {"vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0"}
"""One camera, of the kind that a webcam is."""

VERDICT = re.compile(r"^camera tests: (\d+)\s*$", re.MULTILINE)
"""What the machine says at its end: pytest's exit code."""

LIMIT = 1800
"""Seconds that the machine may run: without a processor's help it is some twenty times slower than this one."""

START = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /host /layer /root
alias mount='/bin/busybox mount'
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in /modules/*; do
    /bin/busybox insmod "$module" $(/bin/busybox cat "/options/${{module##*/}}" 2>/dev/null) || echo "no $module"
done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 host /host || echo "no root"
mount -t tmpfs -o size=1g layer /layer; /bin/busybox mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /root || echo "no layer"
for place in proc sys dev; do mount --move /$place /root/$place; done
mount -t tmpfs tmp /root/tmp; mount -t tmpfs shm /root/dev/shm 2>/dev/null
/bin/busybox chroot /root /bin/sh -c {command}
echo "camera tests: $?"
/bin/busybox poweroff -f
"""


class MissingError(Exception):
    """What keeps the machine from starting."""


def unpacked(package: str, file: str) -> Path:
    """A file of a Debian package, unpacked into build/camera.

    Raises:
        MissingError: The package cannot be had.
    """
    place = PLACE / package
    if not list(place.glob(file)):
        place.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["apt-get", "download", package], cwd=place, check=True, capture_output=True)
            for archive in place.glob("*.deb"):
                subprocess.run(["dpkg", "-x", archive, place], check=True, capture_output=True)
                archive.unlink()
        except (OSError, subprocess.CalledProcessError) as problem:
            raise MissingError(f"Debian's package {package} cannot be had: {problem}") from problem
    return next(place.glob(file))


def kernel_package() -> str:
    """The package of Debian's current kernel.

    Raises:
        MissingError: apt knows none.
    """
    try:
        told = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True)
        return re.findall(r"linux-image-[\d.]+-\S+", told.stdout)[-1]
    except (OSError, subprocess.CalledProcessError, IndexError) as problem:
        raise MissingError("apt knows no kernel, linux-image-amd64") from problem


def in_order(files: dict[str, Path], wanted: Sequence[str]) -> list[str]:
    """Modules with those that they need before them; what is no file is in the kernel."""
    found: list[str] = []

    def add(name: str) -> None:
        if name in files and name not in found:
            needs = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())
            for need in needs[1].decode().replace("-", "_").split(",") if needs else ():
                add(need)
            found.append(name)

    for name in wanted:
        add(name)
    return found


def archive(entries: Iterator[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive (`newc`), as the kernel takes it, of names, modes and contents."""
    whole = b""
    for number, (name, mode, data) in enumerate((*entries, ("TRAILER!!!", 0, b"")), start=1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        whole += head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
    return whole


def first_root(modules: Path, busybox: Path, command: str) -> bytes:
    """What the kernel begins with: busybox, the modules, and a script that goes on to this machine's own root."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}

    def entries() -> Iterator[tuple[str, int, bytes]]:
        for folder in ("bin", "modules", "options"):
            yield folder, 0o040755, b""
        yield "bin/busybox", 0o100755, busybox.read_bytes()
        yield "init", 0o100755, START.format(command=shlex.quote(command)).encode()
        for number, name in enumerate(in_order(files, WANTED)):
            yield f"modules/{number:02}", 0o100644, files[name].read_bytes()
            if name in CAMERA:
                yield f"options/{number:02}", 0o100644, CAMERA[name].encode()

    return archive(entries())


def start(command: str) -> int:
    """Run a command in the machine; its exit code.

    Raises:
        MissingError: The machine cannot be made.
    """
    if shutil.which(QEMU) is None:
        raise MissingError(f"{QEMU} is not installed (Debian: qemu-system-x86)")
    package = kernel_package()
    kernel = unpacked(package, "boot/vmlinuz-*")
    root = PLACE / "root.cpio"
    root.write_bytes(
        first_root(PLACE / package / "lib" / "modules", unpacked("busybox-static", "bin/busybox"), command)
    )
    machine = [QEMU, "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-m", "2G", "-smp", "1"]
    machine += ["-accel", "tcg", "-cpu", "max", "-kernel", str(kernel), "-initrd", str(root)]
    machine += ["-append", "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check edd=off nokaslr mitigations=off"]
    machine += ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]
    with subprocess.Popen(
        machine, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as run:
        assert run.stdout is not None
        said = ""
        try:
            for line in run.stdout:
                print(line, end="", flush=True)
                said += line
            run.wait(LIMIT)
        finally:
            run.kill()
    verdict = VERDICT.search(said)
    return int(verdict[1]) if verdict else 1


def main() -> int:
    """Run the tests; returns pytest's exit code."""
    words = ["timeout", str(LIMIT - 60), sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    words += ["-m", "slow", "--tb=short", "--color=no", "-v", *(sys.argv[1:] or ["tests/camera"])]
    settings = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "SMILEDET_VIVID": "1"}
    settings["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing them takes longer there than the tests
    setting = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    try:
        return start(f"cd {shlex.quote(str(ROOT))} && env {setting} {shlex.join(words)}")
    except MissingError as problem:
        print(f"camera tests SKIPPED: {problem}", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main())
