"""Headers as Doxygen takes them: comments that stand at the head of a file, directly before a declaration, or behind one on
its line, become Doxygen's. The project writes them as plain `//`."""
import re
import subprocess

FLOORS = ("base", "dht", "store", "overlay")
COMMENT = re.compile(r"(\s*)// ?(.*)")
# What a comment before it does not describe.
UNDESCRIBED = re.compile(r"\s*(#|}|namespace|public:|private:|protected:)")
BEHIND = re.compile(r"(?!\s*(?:namespace|}))(.*[;,{}\w] +)// (.*)")
# Says nothing about an interface, and Doxygen looks for the class in vain.
ERROR_CODE = re.compile(r"(?ms)^(?:template <>\n)?struct std::is_error_code_enum<.*?};\n|^namespace std \{\n.*?^\}[^\n]*\n")


def escaped(text):
    """Without meaning to Doxygen, outside of what stands between backticks."""
    parts = text.split("`")
    return "`".join(re.sub(r"([\\@#<>&]|(?<!\w)::)", r"\\\1", part) if i % 2 == 0 else part for i, part in enumerate(parts))


def converted(text):
    lines = ERROR_CODE.sub("", text).split("\n")
    out, described = list(lines), False
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if comment := COMMENT.fullmatch(line):
            after = lines[number + 1] if number + 1 < len(lines) else ""
            if not COMMENT.fullmatch(after):
                described = bool(after.strip()) and not UNDESCRIBED.match(after)
            if described:
                out[number] = f"{comment[1]}/// {escaped(comment[2])}"
        elif behind := BEHIND.fullmatch(line):
            out[number] = f"{behind[1]}///< {escaped(behind[2])}"
    # The comment at the head of a header, which often explains its main type.
    if lines[:2] == ["#pragma once", ""] and COMMENT.fullmatch(lines[2]):
        out[1] = r"/// \file"
        for number in range(2, len(lines)):
            if not (comment := COMMENT.fullmatch(lines[number])):
                break
            out[number] = f"/// {escaped(comment[2])}"
    return "\n".join(out)


def public_headers(root):
    """Those that `cmake --install` installs (cmake/install.cmake)."""
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.hpp")):
            if "rocksdb" not in path.parts or path.name == "rocks_backend.hpp":
                yield path.relative_to(root)


def unknown_names(page, headers):
    """Headers that the page names and that there are not, and names that no header has: `a::b`, `f()`, `a/b.hpp`. `headers`: their
    texts by their names."""
    words = set(re.findall(r"\w+", "\n".join(headers.values())))
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", page)):
        for name in re.findall(r"\b[\w/]+\.hpp\b", code):
            if name not in headers:
                yield f"docs/api.md: no public header {name}"
        for name in re.findall(r"\b(?:(?:\w+::)+\w+|\w+(?=\())", code):
            if not name.startswith(("cip::", "tl::", "std::")) and not {*name.split("::")} <= words:
                yield f"docs/api.md: no public header names {name}"


def make(root, folder, output):
    """Runs Doxygen over copies in `folder`, which is empty; what it complains about, and names of the page that there are not."""
    headers = {str(name): (root / name).read_text() for name in public_headers(root)}
    for name, text in headers.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(converted(text))
    # Links of the page to other pages lead nowhere in the reference.
    page = (root / "docs/api.md").read_text()
    (folder / "api.md").write_text(re.sub(r"\[([^]\[]+)\]\((?!https?:)[^)]*\)", r"\1", page))
    output.mkdir(parents=True, exist_ok=True)
    settings = (root / "docs/Doxyfile").read_text() + f'\nOUTPUT_DIRECTORY = "{output}"\n'
    done = subprocess.run(["doxygen", "-"], cwd=folder, input=settings, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    complaints = done.stdout.replace(f"{folder}/", "").strip()
    complaints = complaints.split("\n") if complaints or done.returncode else []
    return complaints + list(unknown_names(page, headers))
