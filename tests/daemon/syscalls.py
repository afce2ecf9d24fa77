"""Names and numbers of system calls, from libseccomp."""
import ctypes

from expect import Skip

libseccomp = None


def _library():
    global libseccomp
    if not libseccomp:
        try:
            libseccomp = ctypes.CDLL("libseccomp.so.2")
        except OSError:
            raise Skip("libseccomp.so.2 is not installed") from None
        libseccomp.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    return libseccomp


def number_of(name):
    """Negative if this architecture does not have the call."""
    return _library().seccomp_syscall_resolve_name(name.encode())


def name_of(number):
    """None if libseccomp knows no call with this number."""
    name = _library().seccomp_syscall_resolve_num_arch(0, number)  # 0: SCMP_ARCH_NATIVE
    return name.decode() if name else None
