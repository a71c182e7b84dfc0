#!/usr/bin/env python3
"""Every event name that the code logs is listed in docs/events.md, and the other way round.

events_check.py ROOT          checks; exit status 1 and one line a difference
events_check.py ROOT --list   prints what the code logs: name, levels, fields, files
"""
import pathlib
import re
import sys

FOLDERS = ["common", "policy", "henb-x2sec", "keydist-server"]
CALL = re.compile(r"\b(?:common::)?Log(Debug|Info|Warning|Alarm)\s*\(")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
NAME = re.compile(r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")
# A row of the table: | `name` | level | …
ROW = re.compile(r"^\| `([^`]+)` \| (debug|info|warning|alarm)(?:, (?:debug|info|warning|alarm))* \|")
RESERVED = {"time", "program", "level", "event"}
LEVELS = re.compile(r"\b(debug|info|warning|alarm)\b")


def arguments(text, start):
    """Splits the arguments of a call whose opening parenthesis is just before `start`."""
    depth, piece, pieces, at = 0, "", [], start
    while at < len(text):
        char = text[at]
        if char == '"':
            end = LITERAL.match(text, at)
            piece += end.group(0)
            at = end.end()
            continue
        if char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                break
            depth -= 1
        if char == "," and depth == 0:
            pieces.append(piece)
            piece = ""
        else:
            piece += char
        at += 1
    return pieces + [piece]


def definition_of(text, at, name):
    """What `name` is before `at`: ("value", its literals), ("parameter", function, position), or None."""
    pattern = re.compile(r"(\w+)\s*\(([^();]*)\bstd::string_view " + name + r"\b|std::string_view " + name + r"\s*=([^;]*);")
    found = list(pattern.finditer(text, 0, at))
    if not found:
        return None
    last = found[-1]
    if last.group(1) is None:
        return "value", LITERAL.findall(last.group(3))
    return "parameter", last.group(1), last.group(2).count(",")


def names_of(piece, path, at, texts, seen):
    """[(name, file)] that an argument may hold; None when it cannot be told."""
    names = LITERAL.findall(piece)
    if names:
        return [(name, path) for name in names]
    identifier = piece.strip()
    definition = definition_of(texts[path], at, identifier) if re.fullmatch(r"\w+", identifier) else None
    if definition is None:
        return None
    if definition[0] == "value":
        return [(name, path) for name in definition[1]]
    _, function, position = definition
    if function in seen:
        return []
    out = []
    for other in (other for other in texts if other.parent == path.parent):
        for use in re.finditer(r"\b" + function + r"\s*\(", texts[other]):
            pieces = arguments(texts[other], use.end())
            if len(pieces) > position and "std::string_view" not in pieces[position]:
                out += names_of(pieces[position], other, use.start(), texts, seen | {function}) or []
    return out


def logged(root):
    """{name: {"levels": set, "fields": set, "files": set}} and a list of complaints."""
    events, complaints = {}, []
    sources = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*")) if path.suffix in (".cpp", ".h")]
    texts = {path: path.read_text(encoding="utf-8") for path in sources if path.name not in ("log.h", "log.cpp")}
    for path, text in texts.items():
        for call in CALL.finditer(text):
            pieces = arguments(text, call.end())
            fields = re.findall(r'\{\s*"(\w+)"\s*,', pieces[1]) if len(pieces) > 1 else []
            where = f"{path.relative_to(root)}:{text.count(chr(10), 0, call.start()) + 1}"
            complaints += [f"{where}: every line has a {field} already" for field in fields if field in RESERVED]
            names = names_of(pieces[0], path, call.start(), texts, frozenset())
            if not names:
                complaints.append(f"{where}: the event's name cannot be told from {pieces[0].strip()}")
                continue
            for name, source in names:
                event = events.setdefault(name, {"levels": set(), "fields": set(), "files": set()})
                event["levels"].add(call.group(1).lower())
                event["fields"].update(fields)
                event["files"].add(str(source.relative_to(root)))
    return events, complaints


def listed(root):
    """{name: levels} of the table, and complaints about names that stand there twice."""
    rows, complaints = {}, []
    for line in (root / "docs/events.md").read_text(encoding="utf-8").splitlines():
        match = ROW.match(line)
        if not match:
            continue
        if match.group(1) in rows:
            complaints.append(f"docs/events.md: {match.group(1)} is listed twice")
        rows[match.group(1)] = set(LEVELS.findall(line.split("|")[2]))
    return rows, complaints


def check(root):
    events, complaints = logged(root)
    rows, more = listed(root)
    complaints += more
    if len(events) < 10:
        complaints.append(f"only {len(events)} events found in the code: is {root} the source?")
    for name, event in sorted(events.items()):
        where = ", ".join(sorted(event["files"]))
        if not NAME.match(name):
            complaints.append(f"{name} ({where}): a name is like link.up")
        if name not in rows:
            complaints.append(f"{name} ({where}) is not in docs/events.md")
        elif rows[name] != event["levels"]:
            complaints.append(f"{name} ({where}): logged as {sorted(event['levels'])}, listed as {sorted(rows[name])}")
    complaints += [f"docs/events.md: {name} is logged nowhere" for name in sorted(rows.keys() - events.keys())]
    return complaints


def main():
    root = pathlib.Path(sys.argv[1])
    if sys.argv[2:] == ["--list"]:
        for name, event in sorted(logged(root)[0].items()):
            print(name, "/".join(sorted(event["levels"])), ",".join(sorted(event["fields"])), *sorted(event["files"]), sep="\t")
        return 0
    complaints = check(root)
    print("\n".join(complaints) or "every event is listed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
