"""The command line: one verb per stage, each imported only when it is called.

Exit status: 0 done; 2 the user's input is wrong (one line: what, where, the nearest valid choice); 1 anything
else.
"""

from __future__ import annotations

import importlib
import sys

from animatrix.errors import EXIT_STATUS, AniMatrixError

# verb -> (module, attribute, one line of help). The module is imported when the verb is used, so that
# `animatrix taxonomy` never waits for torch.
VERBS: dict[str, tuple[str, str, str]] = {
    "taxonomy": ("animatrix.knowledge.commands", "taxonomy_app", "Look up and check production variables."),
    "directive": ("animatrix.knowledge.commands", "directive_app", "Check a directive file."),
    "synth": ("animatrix.synthetic.commands", "synth_app", "Draw cel animation with exact ground truth."),
    "caption": ("animatrix.caption.commands", "caption", "Read production variables from video files."),
    "curate": ("animatrix.corpus.commands", "curate", "Turn a folder of videos into captioned shots."),
    "dataset": ("animatrix.corpus.commands", "dataset_app", "Look into a curated dataset."),
    "train": ("animatrix.train.command", "train", "Train by a recipe; the same command resumes."),
    "prefer": ("animatrix.prefer.commands", "prefer_app", "Tell art from failure: pairs, judge, scores."),
    "evaluate": ("animatrix.evaluate.commands", "evaluate_app", "Benchmark clips, ask people of them."),
    "generate": ("animatrix.generate.commands", "generate", "Make a clip and read it back."),
}  # fmt: skip

HELP = "AniMatrix: anime video generation that thinks in art, not physics."


def _usage() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {help_line}" for verb, (_, _, help_line) in VERBS.items()]
    return (
        f"Usage: animatrix VERB [ARGS]...\n\n{HELP}\n\nVerbs:\n"
        + "\n".join(lines)
        + ("\n\n`animatrix VERB --help` explains one, with an example.\n")
    )


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    args = sys.argv[1:] if argv is None else argv
    if not args or args[0] in ("-h", "--help"):
        print(_usage(), end="")
        return 0
    if args[0] == "--version":
        from importlib.metadata import version

        print(version("animatrix"))
        return 0
    verb, *rest = args
    if verb not in VERBS:
        from animatrix.errors import did_you_mean

        hint = did_you_mean(verb, VERBS) or f"verbs: {', '.join(VERBS)}"
        print(f"error[unknown-verb]: unknown verb {verb!r}; {hint}", file=sys.stderr)
        return 2
    return run_verb(verb, rest)


def run_verb(verb: str, args: list[str]) -> int:
    """Import the verb's module, run it, and turn every exception into one line and an exit status."""
    import typer

    module, attribute, _ = VERBS[verb]
    app = getattr(importlib.import_module(module), attribute)
    if not isinstance(app, typer.Typer):
        function, app = app, typer.Typer(add_completion=False, rich_markup_mode=None)
        epilog = getattr(importlib.import_module(module), "EXAMPLE", None)
        app.command(epilog=epilog)(function)
    try:
        status = typer.main.get_command(app).main(args, prog_name=f"animatrix {verb}", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except AniMatrixError as e:
        print(f"error[{e.code}]: {e}", file=sys.stderr)
        return EXIT_STATUS
    except (typer.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except OSError as e:
        print(f"error[os]: {e}", file=sys.stderr)
        return 1
    except Exception as e:
        if not hasattr(e, "format_message"):  # typer's usage errors; their base class is private
            raise
        print(f"error[usage]: {e.format_message()} See animatrix {verb} --help", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
