"""A real SLURM of one node on loopback, for as long as tests need it.

Its daemons (Debian's ``slurm-wlm`` and ``munge``) keep their key, sockets, ports and spool in a directory of
their own, so that it gets along with a SLURM of the machine and with a second one of its kind. To try
commands by hand, ``python -m tests.slurm`` holds one up until Ctrl-C and prints what to export.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NODE = "localhost"
CORES = 2

CONF = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
KillWait=5
MinJobAge=60
SlurmctldTimeout=30
SlurmdTimeout=30
NodeName={node} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mb}
PartitionName=main Nodes={node} Default=YES MaxTime=1-00:00:00 State=UP
"""
# config_overrides: the machine may have fewer cores than the node claims.
# KillWait: seconds from SIGTERM to SIGKILL.


class NoSlurm(Exception):
    """It cannot run here; the message says why."""


@dataclass
class Slurm:
    """A running SLURM.

    Attributes:
        place: its directory, with logs, sockets and spool.
        daemons: those that run, by name.
    """

    place: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def conf(self) -> Path:
        """Its ``slurm.conf`` (Path)."""
        return self.place / "slurm.conf"

    @property
    def env(self) -> dict[str, str]:
        """What a process needs in its environment to speak to it (dict)."""
        return {"SLURM_CONF": str(self.conf)}

    def call(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """Run one of SLURM's commands and return what it printed.

        Raises:
            AssertionError: it failed; with what it said.
        """
        done = subprocess.run(
            command, env={**os.environ, **(env or {}), **self.env}, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
        return done.stdout

    def queue(self) -> dict[str, tuple[str, str]]:
        """Return id → (state, reason) of every job that waits, runs or is ending."""
        lines = self.call("squeue", "-h", "-o", "%i|%T|%r").splitlines()
        return {job: (state, reason) for job, state, reason in (line.split("|", 2) for line in lines)}

    def job(self, job_id: str) -> dict[str, str]:
        """Return what the controller knows of a job that is in the queue or ended within the last minute."""
        words = self.call("scontrol", "-o", "show", "job", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, until: Callable[[], object], seconds: float = 60.0, what: str = "") -> None:
        """Ask again until something is true.

        Raises:
            AssertionError: it is not within ``seconds``; with the queue and the ends of the logs.
        """
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s {what}\n{self.told()}")
            time.sleep(0.2)

    def wait_empty(self, seconds: float = 120.0) -> None:
        """Wait until no job waits, runs or is ending."""
        self.wait(lambda: not self.queue(), seconds, "for an empty queue")

    def told(self) -> str:
        """Return the queue and the ends of the daemons' logs."""
        texts = []
        with suppress(AssertionError, subprocess.TimeoutExpired):
            texts.append(self.call("squeue") + self.call("sinfo", "-R"))
        for name in ("munged", "slurmctld", "slurmd"):
            with suppress(OSError):
                lines = (self.place / f"{name}.log").read_text(errors="replace").splitlines()
                texts += [f"{name}:", *lines[-16:]]
        return "\n".join(texts)

    def drain(self, reason: str = "test") -> None:
        """Let the node take no further job; what runs goes on."""
        self.call("scontrol", "update", f"NodeName={NODE}", "State=DRAIN", f"Reason={reason}")

    def resume(self) -> None:
        """Let a drained or lost node take jobs again."""
        with suppress(AssertionError):  # it is in use as it is
            self.call("scontrol", "update", f"NodeName={NODE}", "State=RESUME")
        self.wait(self.node_ready, 60, "for the node")

    def node_state(self) -> str:
        """Return the node's state, as ``idle`` or ``mixed``, with marks such as ``*``."""
        return self.call("sinfo", "-h", "-N", "-o", "%T").strip()

    def node_ready(self) -> bool:
        """Return whether the node takes jobs or is at work on them."""
        return self.node_state() in ("idle", "mixed", "allocated", "completing")

    def clear(self) -> None:
        """Cancel what is queued and make the node ready, for the next test."""
        for name in ("slurmctld", "slurmd"):
            if self.daemons[name].poll() is not None:
                self.start(name)
        self.wait(self.answers, 30, "for slurmctld")
        for job in self.queue():
            with suppress(AssertionError):  # it ended by itself
                self.call("scancel", job)
        self.resume()
        self.wait_empty()

    def answers(self) -> bool:
        """Return whether the controller does."""
        done = subprocess.run(
            ["scontrol", "ping"], env={**os.environ, **self.env}, capture_output=True, text=True
        )
        return done.returncode == 0 and " is UP" in done.stdout

    def start(self, name: str) -> None:
        """Start ``munged``, ``slurmctld`` or ``slurmd``."""
        place = self.place
        files = [f"--socket={place}/munge.socket", f"--key-file={place}/munge.key"]
        files += [f"--{name}-file={place}/munged.{name}" for name in ("pid", "seed", "log")]
        commands = {
            "munged": ["munged", "--foreground", "--force", "--num-threads=2", *files],
            "slurmctld": ["slurmctld", "-D", "-f", str(self.conf)],
            "slurmd": ["slurmd", "-D", "-N", NODE, "-f", str(self.conf)],
        }
        program, *rest = commands[name]
        with (place / f"{name}.out").open("ab") as out:
            # setpriv: the daemon ends with the process that asked for it, however that one ends.
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", _find(program), *rest],
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End one daemon."""
        daemon = self.daemons[name]
        daemon.send_signal(how)
        daemon.wait(30)

    def stop(self) -> None:
        """End everything that was started."""
        with suppress(AssertionError, subprocess.TimeoutExpired):
            for job in self.queue():
                self.call("scancel", "--signal=KILL", "--full", job)
                self.call("scancel", job)
            self.wait_empty(20)
        for name in reversed(list(self.daemons)):
            daemon = self.daemons[name]
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


@contextmanager
def running_slurm() -> Iterator[Slurm]:
    """Bring a SLURM up, and down again.

    Raises:
        NoSlurm: not here, for the reason told.
    """
    if os.geteuid() != 0:
        raise NoSlurm("a SLURM of its own needs root")
    for program in ("munged", "slurmctld", "slurmd", "sbatch", "setpriv"):
        _find(program)
    with ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: paths of sockets end after 108 bytes
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        slurm = Slurm(place)
        _prepare(slurm)
        stack.callback(slurm.stop)
        try:
            slurm.start("munged")
            slurm.wait((place / "munge.socket").exists, 20, "for munged")
            slurm.start("slurmctld")
            slurm.wait(slurm.answers, 30, "for slurmctld")
            slurm.start("slurmd")
            slurm.wait(slurm.node_ready, 30, "for slurmd")
            done = slurm.call("sbatch", "--parsable", "-o", "/dev/null", "--wait", "--wrap", "true").strip()
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            raise NoSlurm(f"SLURM does not start here: {error}") from None
        assert done.isdigit()
        yield slurm


def _prepare(slurm: Slurm) -> None:
    place = slurm.place
    for name in ("state", "spool"):
        (place / name).mkdir()
    key = place / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    ports = _free_ports(2)
    slurm.conf.write_text(
        CONF.format(
            host=socket.gethostname().split(".")[0],
            controller_port=ports[0],
            node_port=ports[1],
            place=place,
            node=NODE,
            cores=CORES,
            memory_mb=memory,
        )
    )


def _find(program: str) -> str:
    """Return where a program is; Debian keeps daemons where only root looks."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise NoSlurm(f"{program} is not installed (apt-get install slurm-wlm munge)")
    return found


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    with running_slurm() as held:
        print(f"export SLURM_CONF={held.conf}\n# until Ctrl-C", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
