"""`python -m models.starter.train NAME`: train one starter model from scratch, seeded, on this machine."""

import argparse
import os
from pathlib import Path

import torch

from models.host_memory import keep_freed_memory
from models.starter.training import chosen_device

WEIGHTS = Path(__file__).parent / "weights"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("starter-diffusion", "starter-gan", "starter-copy"))
    parser.add_argument("--out", type=Path, help="where the weights go (default: the shipped folder)")
    parser.add_argument("--work", type=Path, help="sample sheets and checkpoints (default: build/training/NAME)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the number of steps, to try things quickly")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda if there is one (default)"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="torch threads (default: all cores)")
    args = parser.parse_args()
    out = args.out or WEIGHTS / args.name
    work = args.work or Path("build/training") / args.name
    work.mkdir(parents=True, exist_ok=True)
    device = chosen_device(args.device)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    if args.name == "starter-diffusion":
        from models.starter import diffusion, recipe

        diffusion.train(out, work, recipe.Recipe().scaled(args.scale), device)
    elif args.name == "starter-copy":
        from models.starter import copywriting

        copywriting.train(out, work, copywriting.Recipe().scaled(args.scale), device)
    else:
        from models.starter import gan

        gan.train(out, work, gan.Recipe().scaled(args.scale), device)


if __name__ == "__main__":
    main()
