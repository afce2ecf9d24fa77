"""The list of cases: each registers itself, and is called with the system (system.py)."""
cases = []


def case(name):
    def register(function):
        cases.append((name, function))
        return function
    return register
