#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `culvert -c` says about scripts: exact texts, scripts that must load, examples of others.

    check.py messages BUILD [--record]   messages/NAME.cfg must be answered by messages/NAME.txt
    check.py loads BUILD                 loads/*.cfg must load without an error or a warning
    check.py pages BUILD                 each row of the tables has a sentence, each link leads somewhere
    check.py docs BUILD [--record]       the pages in docs/ are what the program writes
    check.py compare BUILD [FILE...]     a line for each example script on this machine
"""
import difflib
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KAMAILIO_CFG = pathlib.Path("/etc/kamailio/kamailio.cfg")
EXAMPLES = pathlib.Path("/usr/share/doc/kamailio/examples")
OURS = HERE.parent.parent / "conf"
DOCS = HERE.parent.parent / "docs"
SKIPPED = 77  # what meson takes for "not run"


def check(build, script, *switches):
    """Runs culvert -c in the folder of the script; gives its exit status and its words."""
    program = pathlib.Path(build).resolve() / "culvert"
    done = subprocess.run([program, "-c", *switches, "-f", script.name], cwd=script.parent, timeout=60,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    return done.returncode, done.stderr


# ---- exact texts ----

def answer(build, script):
    status, words = check(build, script)
    return f"{words}exit status {status}\n"


def show_difference(name, expected, got):
    print(f"--- {name}")
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), got.splitlines(True),
                                               "expected", "got"))


def compare_answer(build, script, records):
    expected = script.with_suffix(".txt")
    got = answer(build, script)
    if records:
        expected.write_text(got)
    wanted = expected.read_text() if expected.exists() else ""
    if got != wanted:
        show_difference(script.name, wanted, got)
    return got == wanted


def run_messages(build, records):
    scripts = sorted((HERE / "messages").glob("*.cfg"))
    wrong = [script for script in scripts if not compare_answer(build, script, records)]
    print(f"{len(scripts)} scripts, {len(wrong)} with another answer")
    return 1 if wrong or not scripts else 0


# ---- scripts that must load ----

def loads_quietly(build, script):
    status, words = check(build, script)
    is_good = status == 0 and "error: " not in words and "warning: " not in words
    if not is_good:
        print(f"--- {script}: exit status {status}\n{words}")
    return is_good


def run_loads(build):
    scripts = sorted((HERE / "loads").glob("*.cfg")) + sorted(OURS.rglob("*.cfg"))
    wrong = [script for script in scripts if not loads_quietly(build, script)]
    print(f"{len(scripts)} scripts, {len(wrong)} do not load")
    return 1 if wrong or not scripts else 0


# ---- pages ----

WRITTEN_BY_PEOPLE = {"torture.md", "coming-from.md"}


def pages_of(folder):
    pages = [*folder.glob("*.md"), *(folder / "modules").glob("*.md")]
    return {str(page.relative_to(folder)): page.read_text() for page in pages
            if page.name not in WRITTEN_BY_PEOPLE}


def write_pages(build, folder):
    shutil.copytree(DOCS / "text", folder / "text", dirs_exist_ok=True)
    program = pathlib.Path(build).resolve() / "culvert"
    subprocess.run([program, f"--document={folder}"], check=True, timeout=60)
    return pages_of(folder)


def without_sentence(name, page):
    by_people = {line for text in (DOCS / "text").glob("*.md") for line in text.read_text().splitlines()}
    return [f"{name}: no sentence in: {line}" for line in page.splitlines() if line not in by_people
            if re.match(r"\| `.*\|\s+\|$", line) or re.match(r"\| \[.*\|\s+\|$", line)]


def record_pages(pages):
    for name in pages_of(DOCS).keys() - pages.keys():
        (DOCS / name).unlink()
    for name, page in pages.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(page)


def broken_links(name, page, names):
    folder = os.path.dirname(name)
    links = re.findall(r"\]\(([\w./-]+\.md)\)", page)
    return [f"{name}: leads nowhere: {link}" for link in links
            if os.path.normpath(os.path.join(folder, link)) not in names]


def fresh_pages(build):
    with tempfile.TemporaryDirectory() as folder:
        return write_pages(build, pathlib.Path(folder))


def run_pages(build):
    pages = fresh_pages(build)
    names = pages.keys() | WRITTEN_BY_PEOPLE
    poor = [line for name, page in pages.items()
            for line in without_sentence(name, page) + broken_links(name, page, names)]
    print(*poor, f"{len(pages)} pages, {len(poor)} mistakes", sep="\n")
    return 1 if poor or len(pages) < 10 else 0


def run_docs(build, records):
    pages = fresh_pages(build)
    if records:
        record_pages(pages)
    kept = pages_of(DOCS)
    stale = sorted(name for name in pages.keys() | kept.keys() if pages.get(name) != kept.get(name))
    for name in stale:
        show_difference(name, kept.get(name, ""), pages.get(name, ""))
    print(f"{len(pages)} pages, {len(stale)} out of date (make docs writes them anew)")
    return 1 if stale else 0


# ---- examples of others ----

def options_of(script):
    """The names that a script asks for by #!ifdef WITH_X."""
    return sorted(set(re.findall(r"^#!ifn?def\s+(WITH_\w+)", script.read_text(errors="replace"), re.M)))


def is_whole(script):
    """Not a part that another script includes."""
    return re.search(r"^\s*(request_)?route\s*(\[0\])?\s*\{", script.read_text(errors="replace"), re.M)


def with_installed_modules(text):
    """The script without the folders in which its author had modules."""
    text = re.sub(r'^\s*(mpath|loadpath)\b.*$', "", text, flags=re.M)
    return re.sub(r'^(\s*loadmodule\s+)"(?:[^"]*/)?([^"/]+)"', r'\1"\2"', text, flags=re.M)


def opinion_of_kamailio(script, switches):
    """What the installed original says about it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "examples"
        shutil.copytree(script.parent, copy)
        (copy / script.name).write_text(with_installed_modules(script.read_text(errors="replace")))
        done = subprocess.run(["kamailio", "-c", *switches, "-f", copy / script.name], cwd=copy, timeout=60,
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return "loads it"
    said = re.findall(r"(?:CRITICAL|ERROR): (.*)", done.stderr.decode(errors="replace"))
    told = [line for line in said if "parse error" in line] or said
    return "refuses it: " + re.sub(r"^.*?, line", "line", told[0]) if told else "refuses it"


def verdict(build, script, switches):
    status, words = check(build, script, *switches)
    errors = re.findall(r"^.*\berror: .*$", words, re.M)
    because = re.search(r"; (\d+) of the errors because of modules that culvert does not have: (.*)", words)
    modules = because.group(2) if because else ""
    warnings = len(re.findall(r"^.*:\d+: warning: ", words, re.M))
    told = f" ({warnings} warnings)" if warnings else ""
    if status == 0:
        return "loads" + told, []
    if because and int(because.group(1)) == len(errors):
        return f"modules are missing: {modules}" + told, []
    names = set(modules.split(", ")) if modules else set()
    others = [e for e in errors if not any(f'"{name}"' in e or f"module {name}," in e for name in names)]
    return "other errors" + (f"; modules are missing: {modules}" if modules else "") + told, others


def cases_of_default():
    options = options_of(KAMAILIO_CFG)
    yield "as it is", []
    for option in options:
        yield option, ["-A", option]
    for first, second in itertools.combinations(options, 2):
        yield f"{first} {second}", ["-A", first, "-A", second]
    yield "all options", [word for option in options for word in ("-A", option)]


def report(build, label, script, switches=()):
    words, others = verdict(build, script, switches)
    print(f"{label}: {words}")
    for other in others:
        print(f"    {other}")
    if others:
        print(f"    (kamailio {opinion_of_kamailio(script, switches)})")
    return not others


def run_compare(build, files):
    scripts = [pathlib.Path(name).resolve() for name in files] or [
        script for script in sorted(EXAMPLES.rglob("*.cfg")) if is_whole(script)]
    if not files and not KAMAILIO_CFG.exists():
        print("skipped: no kamailio is installed, whose examples this reads (make test installs it)")
        return SKIPPED
    good = [report(build, os.path.relpath(script, EXAMPLES), script) for script in scripts]
    if not files:
        good += [report(build, f"kamailio.cfg {name}", KAMAILIO_CFG, switches)
                 for name, switches in cases_of_default()]
    print(f"{len(good)} runs, {good.count(False)} with other errors than missing modules")
    return 0


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == "messages":
        return run_messages(arguments[1], "--record" in arguments[2:])
    if len(arguments) == 2 and arguments[0] == "pages":
        return run_pages(arguments[1])
    if len(arguments) >= 2 and arguments[0] == "docs":
        return run_docs(arguments[1], "--record" in arguments[2:])
    if len(arguments) == 2 and arguments[0] == "loads":
        return run_loads(arguments[1])
    if len(arguments) >= 2 and arguments[0] == "compare":
        return run_compare(arguments[1], arguments[2:])
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
