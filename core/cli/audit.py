"""`audit`: models audited on labelled images or by the answers kept beside them, to a report; two reports compared."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from core.audit.cards import FOLDER
from core.audit.conditions import freeze_conditions, refuse_other_conditions
from core.audit.exports import write_report
from core.audit.findings import MEASURES, STEPS, read_condition
from core.audit.operating import Wanted
from core.audit.report import changed_findings, read_report
from core.audit.run import AuditOrder, AuditReport, run_audit
from core.audit.shards import Workers
from core.audit.signature import make_key, sign_evidence, verify_evidence
from core.audit.trained_tested import trained_and_tested, write_trained_tested
from core.cli.common import AsJson, Checkpoints, emit, reports_bad_input, say
from core.cli.predict import Device, Models
from core.data.datasets import KINDS
from core.errors import InputError
from core.models.card import read_card
from core.models.checkpoints import available, default_root, find
from core.models.devices import chosen_device
from core.runs.directory import RunDirectory
from core.runs.spawn import GO_ON

Tell = Callable[[str], None]

audit_commands = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="Audit models: what they reach, how sure they are, and what the pictures' frames give away; to a report.",
)


@audit_commands.callback()
@reports_bad_input
def audit(
    context: typer.Context,
    model: Models = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Labelled images. Without: the answers kept beside each model.")
    ] = None,
    dataset: Annotated[str, typer.Option("--dataset", help=f"What --data is: {', '.join(KINDS)}.")] = "auto",
    split: Annotated[
        str | None, typer.Option("--split", help="Default: the first of test, report, all. every: all images.")
    ] = None,
    others: Annotated[
        Path | None, typer.Option("--others", help="Folder of pictures that are no cell of ours.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option("--training", help="What the models were trained on: copies from it are looked for.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option("--groups", help="CSV of path (or image) and slide or patient.")
    ] = None,
    group_column: Annotated[str, typer.Option("--group-column", help="Its column of slides.")] = "group",
    subgroups: Annotated[
        str,
        typer.Option("--subgroups", help="Further columns of that CSV: laboratory,microscope"),
    ] = "",
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the report; an audit that was killed goes on there.")
    ] = Path("audit"),
    steps: Annotated[str, typer.Option("--steps", help=f"Comma-separated, of {', '.join(STEPS)}. Default: all.")] = "",
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help=f"A limit, such as accuracy>=0.97; repeat. Of {', '.join(MEASURES)}."),
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", min=5, max=100_000, help="Images that are changed and asked again.")
    ] = 25,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Draws the sample.")] = 0,
    sensitivity: Annotated[
        float, typer.Option("--sensitivity", min=0.01, max=1.0, help="Each class's, that thresholds are chosen for.")
    ] = 0.95,
    risk: Annotated[
        float, typer.Option("--risk", min=0.0, max=1.0, help="Share of wrong answers that may be given.")
    ] = 0.01,
    choose_on: Annotated[
        str | None,
        typer.Option("--choose-on", help="Split for thresholds. Default: half of the audited one."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare some maps with the reference library's (slow).")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes of this machine.")] = 1,
    cluster: Annotated[
        str, typer.Option("--cluster", help="Address of a Dask scheduler, such as tcp://HOST:8786.")
    ] = "",
    device: Device = "auto",
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Audit models and write report.html, report.json and evidence.zip; exit code 1 where a --require fails."""
    if context.invoked_subcommand is not None:
        return
    conditions = tuple(read_condition(text) for text in require or ())
    names = model or available(checkpoints)
    if not names:
        raise InputError(f"There are no models in {checkpoints or default_root()}. Name a folder with --checkpoints.")
    order = AuditOrder(
        models=tuple(find(name, checkpoints) for name in names),
        out=out,
        place=data,
        dataset=dataset,
        split=split,
        others=others,
        training=training,
        groups=groups,
        group_column=group_column,
        subgroups=tuple(name.strip() for name in subgroups.split(",") if name.strip()),
        steps=_steps(steps),
        conditions=conditions,
        device=str(chosen_device(device)),
        sample=sample,
        seed=seed,
        wanted=Wanted(sensitivity=sensitivity, risk=risk),
        workers=Workers(workers, cluster),
        choose_on=choose_on,
        verify=verify,
    )
    refuse_other_conditions(out, conditions)  # before the folder's status is touched
    with reported(out, say) as tell:
        frozen = freeze_conditions(out, conditions)
        report = run_audit(order, tell, shlex.join(["python", "-m", "core", *sys.argv[1:]]), frozen)
        cards = {folder.resolve().name: read_card(folder / "card.json") for folder in order.models}
        files = write_report(report, out, cards, with_images=data is not None)
    emit(report.model_dump(mode="json"), [*_told(report), *_written(files, out)], as_json)
    if report.failed:
        raise typer.Exit(1)


def _written(files: Mapping[str, Path], out: Path) -> list[str]:
    own = [path for name, path in files.items() if not name.startswith(FOLDER)]
    return [f"Written: {path}" for path in (*own, out / FOLDER)]


def _steps(text: str) -> tuple[str, ...]:
    wanted = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in wanted if name not in STEPS]
    if unknown:
        raise InputError(f"No step {unknown[0][:40]!r}. Known: {', '.join(STEPS)}.")
    return tuple(name for name in STEPS if name in wanted) or STEPS


def _told(report: AuditReport) -> Sequence[str]:
    """What failed and what was not run, then the rest."""
    order = ("failed", "not run", "passed", "information")
    findings = sorted(report.findings, key=lambda finding: order.index(finding.status))
    return [
        f"[{finding.status}] {f'{finding.model}: ' if finding.model else ''}{finding.title}: {finding.sentence}"
        for finding in findings
    ]


@audit_commands.command("diff")
@reports_bad_input
def diff(
    first: Annotated[Path, typer.Argument(help="report.json of one audit.")],
    second: Annotated[Path, typer.Argument(help="report.json of another.")],
    as_json: AsJson = False,
) -> None:
    """What changed between two audits: findings that came, went, or have another status or figure."""
    changes = changed_findings(read_report(first), read_report(second))
    emit(list(changes), list(changes) or ["Nothing differs."], as_json)


@audit_commands.command("table")
@reports_bad_input
def table_command(
    reports: Annotated[list[Path], typer.Argument(help="report.json of several audits.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the table as .html or .csv.")] = None,
    as_json: AsJson = False,
) -> None:
    """Trained here, tested there: accuracy and mean recall of each model on each set, from several reports."""
    found = trained_and_tested([read_report(path) for path in reports])
    if out is not None:
        write_trained_tested(found, out)
    emit(found.document(), [*found.lines(), *([f"Written: {out}"] if out else [])], as_json)


@audit_commands.command("key")
@reports_bad_input
def key_command(
    path: Annotated[Path, typer.Argument(help="File of the private key; FILE.pub is the public one.")],
) -> None:
    """Make a key to sign with: keep FILE to yourself, give FILE.pub to those who verify."""
    emit(
        {"fingerprint": (found := make_key(path))}, [f"Written: {path} and {path}.pub", f"Fingerprint: {found}"], False
    )


@audit_commands.command("sign")
@reports_bad_input
def sign_command(
    evidence: Annotated[Path, typer.Argument(help="evidence.zip of an audit.")],
    key: Annotated[Path, typer.Option("--key", help="Your private key, from audit key.")],
    name: Annotated[str, typer.Option("--name", help="Who signs.")],
) -> None:
    """Sign the evidence of an audit, after reading its report."""
    emit({}, [f"Written: {sign_evidence(evidence, key, name)}"], False)


@audit_commands.command("verify")
@reports_bad_input
def verify_command(
    evidence: Annotated[Path, typer.Argument(help="evidence.zip of an audit.")],
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="Whose signature it must be (FILE.pub).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whether evidence is what its manifest says, and what was signed; exit code 2 where it is not."""
    found = verify_evidence(evidence, public_key)
    signed = found.signed
    told = [f"{evidence.name} holds {', '.join(found.files)}, unchanged since its manifest was written."]
    if signed is None:
        told.append("Nobody signed it: whoever changed it could have changed the manifest too.")
    else:
        told.append(f"Signed by {signed.signer} on {signed.date}, key {found.key}.")
        told += [] if public_key else ["Whose key that is was not checked: compare it, or name it with --public-key."]
    document = {"files": list(found.files), "signed": None if signed is None else signed.model_dump(mode="json")}
    emit(document, told, as_json)


class _Ended(BaseException):
    """The process was asked to end."""


@contextmanager
def reported(out: Path, tell: Tell) -> Iterator[Tell]:
    """Hold the folder `out` while an audit works in it, and tell there, too, how far it is and how it ended.

    InputError where another process audits there. A signal to end leaves what was found, and says so.
    """
    run = RunDirectory(out)

    def both(message: str) -> None:
        tell(message)
        run.report(state="preparing", message=message)

    with run.hold("audits", "--out"), _ended_by_signals():
        run.report(state="preparing", message="Reading the images")
        try:
            yield both
        except _Ended:
            run.report(state="cancelled", pid=0, message="Cancelled.", next_step=GO_ON)
            raise SystemExit(128 + signal.SIGTERM) from None
        except BaseException as error:
            words = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            run.report(state="failed", pid=0, message="", error=words[:600] or "It was ended.", next_step=GO_ON)
            raise
        run.report(state="done", pid=0, message="Done.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM raise `_Ended`, where this is the main thread of a command."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise _Ended

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
