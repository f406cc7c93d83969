"""The two processes of a sandboxed trial: the player runs the program, the judge runs the test.

They share nothing but a socket, over which the judge asks for calls of one function and gets plain values back. The
program therefore never meets the code that judges it: nothing that it does to its own interpreter (exit codes,
patched builtins, objects equal to everything, searches through frames) can make it pass.

Run as `python -S -P -s -c "…; main(confine)" ROLE DESCRIPTOR MEMORY CPU_SECONDS` by `sandbox`, which writes the
source on standard input. On standard output a process says `confined` once it is so, or else what is missing; the judge
goes on with the verdict.
"""

import builtins
import marshal
import os
import sys
from collections.abc import Callable
from types import ModuleType

CONFINED = "confined\n"
_LARGEST = 1 << 24  # bytes of one message
_TEXT = 300  # characters of an error's message
_REFUSED = (
    "socket.", "subprocess.", "shutil.", "ctypes.", "pty.", "resource.setrlimit", "resource.prlimit", "signal.pthread",
    "os.chflags", "os.chmod", "os.chown", "os.exec", "os.fork", "os.kill", "os.link", "os.lockf", "os.mkdir",
    "os.posix_spawn", "os.remove", "os.rename", "os.rmdir", "os.setxattr", "os.spawn", "os.symlink", "os.system",
    "os.truncate", "os.utime",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EXACT: dict[type, Callable] = {
    int: int.__int__, float: float.__float__, complex: complex.__complex__, str: str.__str__, bytes: bytes.__bytes__,
}  # fmt: skip


_QUIET = (EOFError, StopIteration, StopAsyncIteration)
"""The judge's own word, and what would end `all(map(candidate, …))` in a test as if everything had been asked."""


def main(confine: Callable[..., None]) -> None:
    """Confines this process, reads the source, and plays the part that the command line says.

    Args:
        confine: That of `kernel`; given, since this module is imported without its package, which takes longer
            to import than the interpreter to start.
    """
    role, channel, memory, cpu_seconds = sys.argv[1], *map(int, sys.argv[2:5])
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        confine(folder=os.getcwd(), memory=memory, cpu_seconds=cpu_seconds)  # noqa: PTH109
    except (OSError, ValueError) as error:
        os.write(1, str(error).encode())
        os._exit(3)
    os.write(1, CONFINED.encode())
    source = _read_all(0)
    os.dup2(null, 0)
    sys.argv[1:] = []
    verdicts = os.dup(1) if role == "judge" else -1
    os.dup2(2, 1)  # /dev/null: program and test may print without end
    if role == "judge":
        os._exit(judge(source, channel=channel, verdicts=verdicts))
    play(source, channel=channel)


def play(source: bytes, *, channel: int) -> None:
    """Runs the program, then answers calls `(name, args, kwargs)` until the judge hangs up."""
    sys.addaudithook(_refuse)
    module = sys.modules["program"] = ModuleType("program")
    _send(channel, _attempt(_load, source, module))
    while True:
        name, args, kwargs = _receive(channel)
        _send(channel, _attempt(_invoke, module, name, args, kwargs))


def _load(source: bytes, module: ModuleType) -> None:
    exec(compile(source.decode("utf-8", "surrogatepass"), "program", "exec"), vars(module))  # noqa: S102


def _invoke(module: ModuleType, name: str, args: tuple, kwargs: dict) -> object:
    return getattr(module, name)(*args, **kwargs)


def judge(source: bytes, *, channel: int, verdicts: int) -> int:
    """Runs the test, in which `candidate` is the program's function, and says how it went.

    Args:
        source: A line with the function's name, then the test.
        channel: The socket to the player.
        verdicts: Where to say it.

    Returns:
        The exit code: 0 if the program passed.
    """
    name, _, test = source.decode().partition("\n")

    def candidate(*args: object, **kwargs: object) -> object:
        _send(channel, (name, args, kwargs))
        return _answer(_receive(channel))

    try:
        _answer(_receive(channel))  # the program itself ran to its end
        exec(compile(test, "test", "exec"), {"__name__": "test", "candidate": candidate})  # noqa: S102
    except BaseException as error:  # whatever a test may raise; none of it is a pass
        reasons = {MemoryError: "memory", PermissionError: "forbidden", EOFError: "crashed"}
        reason, detail = reasons.get(type(error), "failed"), f"{type(error).__name__}: {_text(error)}"
        os.write(verdicts, f"{reason}\n{detail[:_TEXT]}".encode())
        return 1
    os.write(verdicts, b"passed\n")
    return 0


def plain(value: object) -> object:
    """The same value made of built-in types alone, whose `==` nobody has redefined.

    Raises:
        TypeError: It has no such form.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind, convert in _EXACT.items():
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(plain(one) for one in value)
    raise TypeError(f"a result of type {type(value).__name__}, which is not plain data")


def _attempt(action: Callable, *arguments: object) -> tuple[str, object, str]:
    """What came of it, as plain data: a value, the values of an iterator, or an exception's name and message."""
    try:
        value = action(*arguments)
        if hasattr(value, "__iter__") and not isinstance(value, (str, bytes, dict, list, tuple, set, frozenset)):
            return "iterator", [plain(one) for one in value], ""  # pyright: ignore[reportGeneralTypeIssues]
        return "value", plain(value), ""
    except BaseException as error:  # SystemExit too: the program does not end before its judge says so
        return "error", str(type(error).__name__), _text(error)


def _text(error: BaseException) -> str:
    """An exception's message, which may itself fail to be made."""
    try:
        return str(error)[:_TEXT].encode(errors="replace").decode()
    except BaseException:
        return "(no message)"


def _answer(reply: tuple[str, object, str]) -> object:
    """Returns what the player returned, or raises what it raised if Python itself has such an exception."""
    kind, value, message = reply
    if kind == "iterator":
        return iter(value)  # pyright: ignore[reportArgumentType, reportCallIssue]
    if kind == "value":
        return value
    exception = getattr(builtins, str(value), None)
    if not (isinstance(exception, type) and issubclass(exception, Exception)) or issubclass(exception, _QUIET):
        raise RuntimeError(f"{value}: {message}")
    try:
        raised = exception(message)
    except TypeError:  # UnicodeDecodeError and its like want five arguments
        raised = RuntimeError(f"{value}: {message}")
    raise raised


def _refuse(event: str, args: tuple) -> None:
    """Audit hook: a readable refusal in front of the kernel's, which is the one that counts."""
    writes = event == "open" and isinstance(args[2], int) and args[2] & _WRITING
    if writes or event.startswith(_REFUSED):
        raise PermissionError(f"{event} is not allowed here")


def _send(channel: int, message: tuple) -> None:
    data = marshal.dumps(message)
    data = len(data).to_bytes(4, "little") + data
    while data:
        data = data[os.write(channel, data) :]


def _receive(channel: int) -> tuple:
    size = int.from_bytes(_read(channel, size=4), "little")
    if size > _LARGEST:
        raise ValueError(f"a result of {size} bytes; at most {_LARGEST} are taken")
    return marshal.loads(_read(channel, size=size))  # noqa: S302 (the judge is confined too, and fails if this does)


def _read(channel: int, *, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(channel, min(size - len(data), 1 << 20))
        if not part:
            raise EOFError("the program's process ended")
        data += part
    return data


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 16):
        parts.append(part)
    return b"".join(parts)
