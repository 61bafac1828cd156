# SPDX-License-Identifier: MIT
# Packages and root file systems for the host tests: made once, cached by what they consist of.
"""Debian packages of this tree, and Debian roots to install them in.

Everything lies in a cache folder (MMSD_HOST_CACHE, else /var/cache/mmsd-host). A new thing is made
under another name and renamed, so that what has its name is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("MMSD_HOST_CACHE", "/var/cache/mmsd-host"))
# What the hosts have beside mmsd's own dependencies.
_HOST_PACKAGES = ("bash", "ca-certificates", "dbus", "iproute2", "procps", "systemd", "systemd-sysv")
# Not on nspawn's own list of system calls in systemd 252, while hosts and builders have them.
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
_MINIMAL = ("--variant=minbase",)


def _run(*command, **options) -> str:
    """Runs a command; what it said is in the error if it fails. @return its standard output"""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout[-3000:]}"
                             f"\n{done.stderr[-3000:]}")
    return done.stdout


@contextlib.contextmanager
def _made_once(name: str):
    """Yields a folder to fill, or None if it is there already; one maker of it at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (CACHE / name).exists():
            yield None
            return
        unfinished = CACHE / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        yield unfinished
        unfinished.rename(CACHE / name)


def _tree() -> str:
    """What is committed, as one name."""
    return _run("git", "-c", "safe.directory=*", "-C", SOURCE, "rev-parse", "HEAD^{tree}").strip()


def build_dependencies() -> list[str]:
    """Packages that mmsd's package is built with, for mmdebstrap and apt."""
    text = (SOURCE / "packaging/debian/control").read_text()
    wanted = re.search(r"^Build-Depends:(.*?)^\S", text, re.MULTILINE | re.DOTALL).group(1)
    names = [re.sub(r"[(<|].*", "", part, flags=re.DOTALL).strip() for part in wanted.split(",")]
    return ["debhelper" if name == "debhelper-compat" else name for name in names if name]


def running_suite() -> str:
    """The Debian release of this machine."""
    release = pathlib.Path("/etc/os-release").read_text()
    return re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE).group(1)


def package(suite: str, version: str, *, checks: bool = False) -> pathlib.Path:
    """Builds mmsd's package for a Debian release: here, or in a root of that release.

    @checks: runs the unit tests, too. @return the .deb
    """
    name = f"deb-{suite}-{version}-{'checked-' if checks else ''}{_tree()[:16]}"
    options = {} if checks else {"DEB_BUILD_OPTIONS": "nocheck", "DEB_BUILD_PROFILES": "nocheck"}
    with _made_once(name) as folder:
        if folder:
            environment = {"PATH": f"/usr/lib/ccache:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
                           "CCACHE_NOHASHDIR": "1", **options}
            build = ("packaging/build-deb.sh", "--version", version)
            if suite == running_suite():
                # debhelper gives each build a home of its own, where ccache would keep nothing.
                environment["CCACHE_DIR"] = str(CACHE / "ccache")
                _run(*build, folder, cwd=SOURCE, env={**os.environ, **environment})
            else:
                _build_in_root(suite, build, folder, environment)
    [path] = (CACHE / name).glob(f"mmsd_{version}_*.deb")
    return path


def package_built_otherwise(version: str, folder: pathlib.Path) -> None:
    """Builds the package for this machine's release as somebody else would, who has another clock,
    host name, user environment, umask, locale, time zone, path, order of directory entries and
    number of processors. All files of the build come into @folder."""
    elsewhere = folder / "a folder with a longer name".replace(" ", "-")
    elsewhere.mkdir()
    output = folder / "output"
    tree = folder / "tree"
    tree.mkdir()
    archive = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, "archive", "HEAD"],
                             check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
    environment = {
        "PATH": f"{os.environ['PATH']}:/usr/games:/nonexistent", "HOME": "/nonexistent",
        "LANG": "et_EE.UTF-8", "LC_ALL": "C", "TZ": "Pacific/Kiritimati", "USER": "somebody",
        "LOGNAME": "somebody", "TMPDIR": str(elsewhere), "CCACHE_DISABLE": "1", "NO_FAKE_STAT": "1",
        "DEB_BUILD_OPTIONS": "nocheck parallel=1", "DEB_BUILD_PROFILES": "nocheck",
        "SOURCE_DATE_EPOCH": "1", "COLUMNS": "40", "TERM": "dumb", "EDITOR": "ed",
    }
    script = ('umask 0007; hostname elsewhere.example; mount -t tmpfs -o mode=755 none /mnt; '
              'mkdir /mnt/tree; disorderfs --quiet --shuffle-dirents=yes --multi-user=no "$1" '
              '/mnt/tree; cd /mnt/tree; '
              'faketime -f +45d setarch --uname-2.6 packaging/build-deb.sh --version "$2" "$3"')
    _run("unshare", "--uts", "--mount", "--propagation=private", "sh", "-ec", script, "sh", tree,
         version, output, env=environment)
    for path in output.iterdir():
        path.rename(folder / path.name)


def _build_in_root(suite: str, build, folder: pathlib.Path, environment: dict[str, str]) -> None:
    root = builder_root(suite)
    (CACHE / "ccache").mkdir(exist_ok=True)
    tree = folder / "tree"
    tree.mkdir()
    archive = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, "archive", "HEAD"],
                             check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
    settings = [f"--setenv={key}={value}" for key, value in environment.items() if key != "PATH"]
    _run("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--pipe",
         f"--system-call-filter={LANDLOCK}", "--volatile=overlay", f"--bind={tree}:/src", f"--bind={folder}:/out",
         f"--bind={CACHE / 'ccache'}:/ccache", "--setenv=CCACHE_DIR=/ccache",
         "--setenv=PATH=/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin", *settings,
         "-D", root, "--chdir=/src", *build, "/out")
    shutil.rmtree(tree)


def builder_root(suite: str) -> pathlib.Path:
    """A root with all that mmsd is built with."""
    return _root(suite, "build", ("--variant=buildd",),
                 [*build_dependencies(), "ccache", "fakeroot", "git"])


def _dependencies(deb: pathlib.Path) -> list[str]:
    """Names of what a package depends on."""
    depends = _run("dpkg-deb", "-f", deb, "Depends")
    return [re.sub(r"[(|].*", "", part).strip() for part in depends.split(",")]


def host_root(suite: str, deb: pathlib.Path) -> pathlib.Path:
    """A root that boots and has what the package depends on, but not the package."""
    return _root(suite, "host", _MINIMAL, [*_HOST_PACKAGES, *_dependencies(deb)])


def autopkgtest_root(suite: str, deb: pathlib.Path) -> pathlib.Path:
    """The same with what autopkgtest and the package's own tests need."""
    return _root(suite, "autopkgtest", _MINIMAL,
                 [*_HOST_PACKAGES, *_dependencies(deb), "apt-utils", "curl", "dpkg-dev", "python3"])


def vm_root(suite: str, deb: pathlib.Path) -> pathlib.Path:
    """The same with Debian's kernel and what the tests in a virtual machine need."""
    return _root(suite, "vm", _MINIMAL,
                 [*_HOST_PACKAGES, *_dependencies(deb), "apparmor", "initramfs-tools", "kmod",
                  "linux-image-cloud-amd64", "python3", "python3-pytest", "udev"])


def base_root(suite: str) -> pathlib.Path:
    """A root as small as Debian's container images."""
    return _root(suite, "base", _MINIMAL, ["ca-certificates"])


def openrc_root(suite: str, deb: pathlib.Path) -> pathlib.Path:
    """A root with OpenRC and without systemd."""
    names = [name for name in _dependencies(deb) if name != "systemd"]
    return _root(suite, "openrc", _MINIMAL,
                 [*names, "bsdutils", "iproute2", "openrc", "procps", "systemd-standalone-sysusers"])


def _root(suite: str, purpose: str, variant, packages: list[str]) -> pathlib.Path:
    wanted = ",".join(sorted(set(packages)))
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    name = f"root-{suite}-{purpose}-{digest}"
    with _made_once(name) as folder:
        if folder:
            tar = folder.with_suffix(".tar")
            _run("mmdebstrap", *variant, f"--include={wanted}", suite, tar)
            _run("tar", "-C", folder, "-xf", tar)
            tar.unlink()
            # Nothing of these is wanted in a container, and each costs time at its start.
            for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
                         "fstrim.timer", "e2scrub_all.timer", "haproxy.service"):
                (folder / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
                (folder / "etc/systemd/system" / unit).unlink(missing_ok=True)
                (folder / "etc/systemd/system" / unit).symlink_to("/dev/null")
    return CACHE / name
