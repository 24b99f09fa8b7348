def command(c):
    return {}


def status():
    return {}
