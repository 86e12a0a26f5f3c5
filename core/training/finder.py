"""Training of the network that finds white cells in photographs: deterministic under its seed on one machine."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn

from core.decoding import read_image
from core.errors import InputError
from core.fields.cells import matched_boxes
from core.fields.detection import detect_cells
from core.fields.finder import (
    CARD,
    CONTEXT,
    PATCH,
    WEIGHTS,
    WIDE,
    CellFinder,
    FinderCard,
    FinderFigures,
    initialise,
    to_input,
    to_shares,
)
from core.files import write_whole
from core.training.finder_data import (
    BoxedPicture,
    bccd_boxes,
    crop_pictures,
    doubted,
    gathered,
    picture_with,
    questions_of,
    simulated_pictures,
)

BATCH = 128
BOX_WEIGHT = 2.0  # of the boxes' loss beside that of the scores
LEAST_SHARE = 0.004  # of light, below which its logarithm is not taken


@dataclass(frozen=True)
class FinderPlan:
    """How the network is trained: what data there are of each kind, and for how long."""

    seed: int = 0
    epochs: int = 14
    simulated: int = 240
    raabin: int = 150
    pbc: int = 150
    learning_rate: float = 3e-3


def train_finder(data: Path, plan: FinderPlan, tell: Callable[[str], None]) -> tuple[CellFinder, FinderCard]:
    """Train on the data below `data`, and measure on the half of BCCD that training did not see."""
    started = time.monotonic()
    pictures, used = _pictures(data, plan, tell)
    network = fit_finder(pictures, plan, tell)
    seconds = time.monotonic() - started
    figures = tuple(_figures(network, data, choices) for choices in (True, False))
    return network, _card(network, plan, used, figures, seconds)


def _pictures(data: Path, plan: FinderPlan, tell: Callable[[str], None]) -> tuple[list[BoxedPicture], dict[str, str]]:
    bccd = [
        picture_with(read_image(path).rgb, np.array(boxes, dtype=np.float64)) for path, boxes in bccd_boxes(data, True)
    ]
    tell(f"{len(bccd)} photographs of BCCD")
    drawn = list(simulated_pictures(plan.simulated, plan.seed))
    tell(f"{len(drawn)} simulated photographs")
    used = {"bccd": f"{len(bccd)} photographs", "simulated": f"{len(drawn)} photographs"}
    pictures = bccd + drawn
    for name, count in (("raabin", plan.raabin), ("pbc", plan.pbc)):
        crops = list(crop_pictures(data, name, count, plan.seed)) if count else []
        tell(f"{len(crops)} crops of {name}")
        pictures += crops
        used[name] = f"{len(crops)} crops of the training split"
    return pictures, used


def fit_finder(pictures: Sequence[BoxedPicture], plan: FinderPlan, tell: Callable[[str], None]) -> CellFinder:
    """Fit a new network to what is asked of the pictures; the loss of each epoch is told."""
    random = torch.Generator().manual_seed(plan.seed)
    network = CellFinder()
    initialise(network, random)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=1e-3)
    schedule: torch.optim.lr_scheduler.OneCycleLR | None = None
    network.train()
    for epoch in range(plan.epochs):
        if epoch in (plan.epochs // 3, 2 * plan.epochs // 3) and epoch:
            network.eval()
            pictures = [doubted(picture, network) for picture in pictures]
            network.train()
        rng = np.random.default_rng([plan.seed, epoch])
        asked = gathered([questions_of(picture, rng) for picture in pictures])
        order = rng.permutation(len(asked.right))
        batches = [rows for start in range(0, len(order), BATCH) if len(rows := order[start : start + BATCH]) > 8]
        if schedule is None:  # the number of questions hardly differs between epochs: some steps to spare
            steps = plan.epochs * (len(batches) + max(2, len(batches) // 10))
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=steps)
        losses = []
        for rows in batches:
            shares = to_shares(asked.patches[rows], asked.light[rows])
            inputs, right = varied(shares, torch.from_numpy(asked.right[rows]), random)
            loss = finder_loss(network(to_input(inputs)), right)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if schedule.last_epoch + 1 < schedule.total_steps:
                schedule.step()
            losses.append(float(loss.detach()))
        tell(f"epoch {epoch + 1} of {plan.epochs}: loss {np.mean(losses):.4f}, {len(order):,} squares")
    return network.eval().requires_grad_(False)


def finder_loss(answers: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy of the scores, and a robust distance (Huber) of the boxes where there is a cell; both `(N, 5)`."""
    scores = nn.functional.binary_cross_entropy_with_logits(answers[:, 0], right[:, 0])
    framed = right[:, 0] > 0.5
    if not framed.any():
        return scores
    return scores + BOX_WEIGHT * nn.functional.smooth_l1_loss(answers[framed, 1:], right[framed, 1:], beta=0.05)


def varied(shares: Tensor, right: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shares of light `(N, 2, 3, S, S)` mirrored, turned, otherwise dyed, lit and grained; right answers `(N, 5)` too.

    Stain varies as absorbance does: the logarithm of the light is multiplied, by channel and as a whole.
    """
    count = len(shares)
    flips = torch.rand(count, 3, generator=random) < 0.5
    right = right.clone()
    for place, (axis, column) in enumerate(((4, 1), (3, 2))):
        chosen = flips[:, place]
        shares = torch.where(chosen.reshape(-1, 1, 1, 1, 1), shares.flip(axis), shares)
        right[chosen, column] *= -1
    chosen = flips[:, 2]
    shares = torch.where(chosen.reshape(-1, 1, 1, 1, 1), shares.transpose(3, 4), shares)
    right[chosen] = right[chosen][:, [0, 2, 1, 4, 3]]
    strength = torch.exp(0.2 * torch.randn(count, 1, generator=random) + 0.12 * torch.randn(count, 3, generator=random))
    light = torch.exp(0.03 * torch.randn(count, 3, generator=random))
    dyed = shares.clamp(min=LEAST_SHARE) ** strength.reshape(count, 1, 3, 1, 1) * light.reshape(count, 1, 3, 1, 1)
    grain = 0.02 * torch.rand(count, 1, 1, 1, 1, generator=random)
    return dyed + grain * torch.randn(dyed.shape, generator=random), right


def _figures(network: CellFinder, data: Path, choices: bool) -> FinderFigures:
    found, right, cells, photographs = 0, 0, 0, 0
    for path, boxes in bccd_boxes(data, choices):
        seen = sorted(detect_cells(read_image(path).rgb, finder=network), key=lambda cell: -cell.score)
        hits = matched_boxes([cell.box for cell in seen], boxes)
        found, right = found + len(hits), right + sum(hit >= 0 for hit in hits)
        cells, photographs = cells + len(boxes), photographs + 1
    name = "BCCD, half used for choices and training" if choices else "BCCD, half used for figures alone"
    return FinderFigures(
        data=name,
        photographs=photographs,
        cells=cells,
        recall=right / max(1, cells),
        precision=right / max(1, found),
    )


def _card(
    network: CellFinder, plan: FinderPlan, used: dict[str, str], figures: tuple[FinderFigures, ...], seconds: float
) -> FinderCard:
    return FinderCard(
        title="White cell or not, and its box: a square of a stained smear",
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        weights_sha256=hashlib.sha256(_bytes_of(network)).hexdigest(),
        patch=PATCH,
        context=CONTEXT,
        wide=WIDE,
        seed=plan.seed,
        epochs=plan.epochs,
        seconds=round(seconds, 1),
        data=used,
        sources=(
            "BCCD (cosmicad, akshaylamba; boxes: Shenggan), MIT: photographs whose number has an even tens digit",
            "PBC (Acevedo et al. 2020, doi 10.17632/snkd93bnjr), CC BY 4.0: training split of WBCAtt",
            "Raabin-WBC (Kouzehkanan et al. 2022, Sci Rep 12:1123), free access for research: training smears",
            "photographs simulated by this software",
        ),
        figures=figures,
        limits=(
            "Trained on stained smears (Romanowsky stains) in which a white cell is at least some 20 px across.",
            "Nucleated red cells and smudged cells were no class of their own: some will be counted.",
            "Boxes of crops, 2 in 5 pictures, are estimates of an outline, not annotations.",
        ),
        versions={name: version(name) for name in ("torch", "numpy", "opencv-python-headless", "scikit-image")},
    )


def _bytes_of(network: CellFinder) -> bytes:
    return safetensors_bytes({name: value.contiguous() for name, value in network.state_dict().items()})


def write_finder(folder: Path, network: CellFinder, card: FinderCard) -> None:
    """Write weights and card to `folder`; InputError where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, _bytes_of(network))
        write_whole(folder / CARD, (card.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}. Choose another --out.") from error
