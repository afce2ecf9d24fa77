"""The lists of cases: each case registers itself, and is called with the system (system.py)."""
cases = []  # for the result of "make install"
package_cases = []  # for the Debian packages (packages.py)


def case(name, of=None):
    def register(function):
        (cases if of is None else of).append((name, function))
        return function
    return register


def package_case(name):
    return case(name, package_cases)
