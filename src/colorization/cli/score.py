"""``colorization score``: folders of coloured pictures in, tables and a report out."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def score(
    predictions: Annotated[
        list[str],
        Argument(help="Folders of coloured pictures, each as NAME=FOLDER.", metavar="NAME=FOLDER"),
    ],
    truth: Annotated[Path, Option(help="Folder of the true photographs, with the same names.")],
    protocol: Annotated[
        str, Option(help="What is fixed: a file of conf/protocol, or one of your own.")
    ] = "as_is",
    output: Annotated[
        Path | None, Option("--output", "-o", help="Folder. (default: below outputs/scores)")
    ] = None,
    training: Annotated[
        Path | None, Option(help="Folder of photographs that colour tables are fitted to.")
    ] = None,
    trained_on: Annotated[
        Path | None, Option(help="Training folder, whose near-duplicates are left out.")
    ] = None,
    model: Annotated[
        list[str] | None,
        Option(help="A model to score too: shipped, a path, or ONNX. (default: default; or none)"),
    ] = None,
    signature: Annotated[
        str | None,
        Option(help="Of a foreign ONNX file: a file of conf/signature, or one of your own."),
    ] = None,
    alexnet: Annotated[
        Path | None, Option(help="Weights of AlexNet, for lpips. (default: the usual download)")
    ] = None,
    inception: Annotated[
        Path | None,
        Option(help="Weights of Inception, for fid and kid. (default: the usual download)"),
    ] = None,
    beside: Annotated[
        list[str] | None, Option(help="An earlier scores.json to put into the same table.")
    ] = None,
) -> None:
    """Score coloured pictures of any method beside gray, the best constant and each other.

    Pictures and photographs are matched by their names, endings aside. A call that was interrupted
    goes on where it was when it is typed again.

    colorization score ours=coloured/ --truth photographs/

    colorization score a=A/ b=B/ --truth photographs/ --protocol square_256 --training mine/
    """
    from colorization.cli.main import show_log
    from colorization.evaluation.folder_report import list_overview
    from colorization.evaluation.run_folders import FolderSettings, score_folders
    from colorization.reports.tables import print_table

    show_log()
    found, folder = score_folders(
        FolderSettings(
            predictions,
            truth.expanduser(),
            protocol,
            output and output.expanduser(),
            training and training.expanduser(),
            trained_on and trained_on.expanduser(),
            [name for name in model or ["default"] if name != "none"],
            signature,
            beside or [],
            alexnet and alexnet.expanduser(),
            inception and inception.expanduser(),
        )
    )
    for table in list_overview(found):
        print_table(table)
    for line in found["findings"]:
        print(f"- {line}")
    for name, why in found["missing"].items():
        print(f"- {name} is not measured: {why}")
    print(f"report: {folder / 'report.html'}")
