"""What mkdocs does beside its own: README.md is the home page, its tables the navigation, and the code makes some pages."""

import argparse
import ast
import html
import inspect
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCUMENTS = Path(__file__).parent
README = DOCUMENTS.parent / "README.md"
ELSEWHERE = ("notebooks/yt8m.ipynb",)
"""Files that README.md links and that do not lie in docs."""
SCHEMA = "json-schema.json"
"""The schema of what commands print with `--json`."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the navigation; pages that it lacks are a warning of mkdocs, and so an error of `mkdocs build --strict`."""
    first, *others = parts().items()
    config.nav = [{first[0]: [{"Home": "index.md"}, *first[1]]}, *({name: pages} for name, pages in others)]
    return config


def parts() -> dict[str, list[str]]:
    """The parts of the documentation with their pages, in the order of the tables at the end of README.md."""
    end = README.read_text().partition("\n## Where to read on\n")[2]
    tables = re.split(r"^### (.*)\n", end, flags=re.MULTILINE)[1:]
    pages = [re.findall(r"^\| \[[^]]*\]\(docs/([\w-]+\.md)\)", table, re.MULTILINE) for table in tables[1::2]]
    return dict(zip(tables[::2], pages, strict=True))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what does not lie in docs."""
    files.append(File.generated(config, "index.md", content=README.read_text()))
    for name in ELSEWHERE:
        files.append(File.generated(config, name, abs_src_path=str(README.parent / name)))
    if "<!-- every result -->" in (DOCUMENTS / "json.md").read_text():
        from yt8m.commands.results import json_schema

        files.append(File.generated(config, SCHEMA, content=json.dumps(json_schema(), indent=1)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Lets links lead to where they lead in the repository, and say a page's title where they say the name of its file."""
    if page.file.src_uri == "index.md":
        markdown = markdown.replace("](docs/", "](")
    for mark, make in MADE.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return re.sub(r"\[(?:docs/)?([\w-]+\.md)\](?=\(\1)", lambda link: f"[{title(link[1])}]", markdown)


def on_page_content(content: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Leaves messages, which are headings so that the search finds them first, out of the navigation: there are too many."""
    if page.file.src_uri == "troubleshooting.md":
        for part in page.toc.items[0].children:
            part.children.clear()
        content = content.replace("<h3 ", '<h3 class="message" ')
    return content


def title(name: str) -> str:
    """The heading of a page in docs; the name of one that is not there, of which mkdocs warns."""
    page = DOCUMENTS / name
    return page.read_text().partition("\n")[0].lstrip("# ") if page.is_file() else name


def every_flag() -> str:
    """A section for each command: its docstring, and a table of its arguments."""
    from yt8m.commands import COMMANDS, RECIPE_COMMANDS
    from yt8m.commands.completing import list_arguments

    arguments = list_arguments()
    of_recipes = {argument.dest for argument in arguments["train"]}
    sections = []
    for name, command in COMMANDS.items():
        own = arguments[name]
        text = f"## `yt8m {name}`\n\n{described(inspect.getdoc(command) or '')}\n\n"
        if name in RECIPE_COMMANDS and name != "train":
            text += "Takes a recipe and the flags of its configuration, as [`yt8m train`](#yt8m-train) does.\n\n"
            own = [argument for argument in own if argument.dest not in of_recipes or argument.dest == "json"]
        sections.append(text + table_of(own))
    return "\n".join(sections)


def described(docstring: str) -> str:
    """A command's docstring without its arguments, its example as a block."""
    text = docstring.partition("\nArgs:\n")[0].strip()
    text = html.escape(text, quote=False)
    return re.sub(r"^Example: (.*)$", lambda found: f"```sh\n{html.unescape(found[1])}\n```", text, flags=re.MULTILINE)


def table_of(arguments: list[argparse.Action]) -> str:
    """One row for each argument, but those that every command has."""
    rows = ["| | | |", "|---|---|---|"]
    for argument in arguments:
        names = "<br>".join(f"`{name}`" for name in argument.option_strings) or f"`{argument.dest}`"
        values = " ".join(f"`{value}`" for value in argument.choices or ()) or (
            f"`{argument.metavar}`" if argument.metavar else ""
        )
        rows.append(f"| {names} | {values} | {in_a_cell((argument.help or '').replace('%%', '%'))} |")
    return "\n".join(rows) + "\n" if len(rows) > 2 else ""


def in_a_cell(text: str) -> str:
    """Text as it is, for a cell of a table."""
    return re.sub(r"([\\|*_`\[\]])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def every_result() -> str:
    """A section for each command with `--json`: when it prints which object, and a table of its keys; then the other objects."""
    from yt8m.commands.results import RESULTS, WITHOUT_RESULT, json_schema

    objects = json_schema()["$defs"]
    commands = {name: objects.pop(f"yt8m {name}") for name in RESULTS}
    sections = [f"The schema of all commands is one file: [{SCHEMA}]({SCHEMA}).\n"]
    for name, schema in commands.items():
        forms = [
            f"- {form.when or 'usually'}: {kind_of(each)}"
            for form, each in zip(RESULTS[name], schema.get("anyOf", [schema]), strict=True)
        ]
        sections.append(f"## `yt8m {name}`\n\n" + "\n".join(forms) + "\n")
    sections += [f"## `yt8m {name}`\n\n{why}\n" for name, why in WITHOUT_RESULT.items()]
    sections.append("## Objects\n")
    for name, schema in sorted(objects.items()):
        rows = ["| key | value | |", "|---|---|---|"]
        for key, each in schema["properties"].items():
            sometimes = "" if key in schema.get("required", ()) or name == "Metrics" else "Not always. "
            rows.append(f"| `{key}` | {kind_of(each)} | {with_code(sometimes + each.get('description', ''))} |")
        sections.append(f"### {name}\n\n{with_code(schema['description'])}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(sections)


def with_code(text: str) -> str:
    """Text of a docstring, with its code as code, also for a cell of a table."""
    return re.sub(r"([\\|*_\[\]])(?=[^`]*(?:`[^`]*`[^`]*)*$)", r"\\\1", html.escape(text, quote=False))


def kind_of(schema: dict[str, Any]) -> str:
    """What a value is, in words, with links to objects."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(kind_of, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "prefixItems" in schema:
        return f"list of {', '.join(map(kind_of, schema['prefixItems']))}"
    if schema.get("type") == "array":
        return f"list of {kind_of(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind_of(schema['additionalProperties']) or 'any'}"
    kinds = schema.get("type", "any value")
    return " or ".join(kinds) if isinstance(kinds, list) else kinds


def every_public_name() -> str:
    """A directive of mkdocstrings for each name of `yt8m`, `yt8m.metrics` and `yt8m.beam`."""
    import yt8m
    from yt8m import beam, metrics

    functions = {name: module for name, module in yt8m._PUBLIC.items() if name != "metrics"}
    scores = {name: f"yt8m.metrics.{module}" for name, module in metrics._PUBLIC.items()}
    sections = ["## yt8m\n", *(directive("yt8m", *each) for each in functions.items())]
    sections += ["## yt8m.metrics\n", *(directive("yt8m.metrics", *each) for each in sorted(scores.items()))]
    sections += ["## yt8m.beam\n", *(directive("yt8m.beam", *each) for each in beam._PUBLIC.items())]
    return "\n".join(sections)


def directive(package: str, name: str, module: str) -> str:
    """Shows what is defined in a module under its public name."""
    place = f"{defining(module, name)}.{name}"
    return f"::: {place}\n    options:\n      heading: {package}.{name}\n      toc_label: {name}\n"


def defining(module: str, name: str) -> str:
    """The module that defines a name which another one imports; mkdocstrings does not follow what is loaded late."""
    source = DOCUMENTS.parent.joinpath(*module.split("."))
    path = source.with_suffix(".py") if source.with_suffix(".py").exists() else source / "__init__.py"
    if not path.exists():
        return module
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and name in [alias.asname or alias.name for alias in node.names]:
            return defining(node.module or "", name)
    return module


DISK = {"best weights": 4, "run that is done": 28, "while training": 44}
"""Bytes a parameter, with Adam and two checkpoints: weights in float32, and thrice as much in a checkpoint."""


def every_recipe() -> str:
    """A table of the recipes: parameters, what runs of theirs take on the disk, and what `yt8m recipes` expects."""
    from yt8m.recipes import list_recipes, make_config
    from yt8m.training.expectations import expect_all

    head = ["recipe", "records", "parameters", *DISK, "memory", "s a step", "steps"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for each in expect_all([make_config(name) for name in list_recipes()]):
        count = each.num_parameters
        sizes = [f"{count * size / 1e9:.2f}" for size in DISK.values()] + [f"{each.num_bytes / 1e9:.1f}"]
        work = [f"{each.step_seconds:.2g}", f"{each.num_steps:,}"]
        rows.append(f"| {' | '.join([f'`{each.recipe}`', each.level, f'{count / 1e6:,.1f} M', *sizes, *work])} |")
    return "\n".join(rows)


MADE = {
    "<!-- every flag -->": every_flag,
    "<!-- every public name -->": every_public_name,
    "<!-- every recipe -->": every_recipe,
    "<!-- every result -->": every_result,
}
"""What stands in a page for text that is made."""
