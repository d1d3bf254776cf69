"""``python -m src.leaderboard``: recipes over several seeds, beside the baselines."""

import hydra
from omegaconf import DictConfig

from colorization.cli import command
from colorization.cli.train import run_job
from colorization.settings.commands import Leaderboard
from colorization.settings.compose import CONF, parse_config
from colorization.sweeps.leaderboard import leaderboard


@hydra.main(version_base="1.3", config_path=CONF, config_name="leaderboard")
def run(config: DictConfig) -> None:
    with command.one_line_errors(), command.run_folder():
        text, failed = leaderboard(parse_config(config), run_job)
        print(text)
        if failed:
            raise SystemExit(f"runs that failed: {failed}")


def main() -> None:
    """Run the command that was typed."""
    command.run(run, Leaderboard)


if __name__ == "__main__":
    main()
