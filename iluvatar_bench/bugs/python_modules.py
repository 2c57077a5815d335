"""Whose module is missing: the interpreter's own, an installed package's, or the application's.

The text of a ``ModuleNotFoundError`` is the same for all three. What tells them apart is the name,
and the file whose import failed: the last frame above the error.
"""

from __future__ import annotations

import re
from enum import Enum, auto

# sys.stdlib_module_names of CPython 3.8 to 3.14, taken together (before 3.10: Doc/library).
STANDARD_LIBRARY = frozenset(
    """
    __future__ _abc _aix_support _android_support _apple_support _ast _ast_unparse _asyncio
    _bisect _blake2 _bootlocale _bootsubprocess _bz2 _codecs _codecs_cn _codecs_hk
    _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _colorize
    _compat_pickle _compression _contextvars _crypt _csv _ctypes _curses _curses_panel _datetime
    _dbm _decimal _dummy_thread _elementtree _frozen_importlib _frozen_importlib_external
    _functools _gdbm _hashlib _heapq _hmac _imp _interpchannels _interpqueues _interpreters _io
    _ios_support _json _locale _lsprof _lzma _markupbase _md5 _missing_stdlib_info _msi
    _multibytecodec _multiprocessing _opcode _opcode_metadata _operator _osx_support _overlapped
    _pickle _posixshmem _posixsubprocess _py_abc _py_warnings _pydatetime _pydecimal _pyio
    _pylong _pyrepl _queue _random _remote_debugging _scproxy _sha1 _sha2 _sha256 _sha3 _sha512
    _signal _sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string _strptime _struct
    _suggestions _symtable _sysconfig _testcapi _thread _threading_local _tkinter _tokenize
    _tracemalloc _types _typing _uuid _warnings _weakref _weakrefset _winapi _wmi
    _xxinterpchannels _xxsubinterpreters _zoneinfo _zstd abc aifc annotationlib antigravity
    argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii binhex
    bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop
    collections colorsys compileall compression concurrent configparser contextlib contextvars
    copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils
    doctest dummy_threading email encodings ensurepip enum errno faulthandler fcntl filecmp
    fileinput fnmatch formatter fractions ftplib functools gc genericpath getopt getpass gettext
    glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib
    inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma macpath
    mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc
    nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev parser
    pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint
    profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re
    readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex
    shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile
    sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symbol
    symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this
    threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle
    turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref
    webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
    """.split()  # noqa: SIM905 - as a list literal, a line a name
)
_MISSING = re.compile(r"No module named \\{0,7}+['\"]?([A-Za-z_]\w{0,99})")
_FRAME = re.compile(r"File \\{0,7}+\"([^\"\n\\]{1,400})\\{0,7}+\", line \d")
_INSTALLED = ("/site-packages/", "/dist-packages/")
_STANDARD = re.compile(r"/lib(?:64)?/python3(?:\.\d{1,2})?/")


class Whose(Enum):
    """Whose a missing module is."""

    STANDARD = auto()
    """The interpreter's own: an image that can start Python ships it."""
    INSTALLED = auto()
    """Imported by an installed package: lost with it, or never installed with it."""
    APPLICATION = auto()
    """Imported by the application's own code."""
    UNKNOWN = auto()
    """The text shows no import: a bare error, or ``python -m name``."""


def whose_module(text: str) -> Whose | None:
    """Whose the missing module is that ``text`` names; None if it names none."""
    missing = _MISSING.search(text)
    if missing is None:
        return None
    if missing.group(1) in STANDARD_LIBRARY:
        return Whose.STANDARD
    frame = ""
    for found in _FRAME.finditer(text, max(missing.start() - 20_000, 0), missing.start()):
        if not found.group(1).startswith("<frozen "):
            frame = found.group(1)
    if not frame:
        return Whose.UNKNOWN
    if any(folder in frame for folder in _INSTALLED) or _STANDARD.search(frame):
        return Whose.INSTALLED
    return Whose.APPLICATION
