"""KerasCNN: the net of the Keras tutorial on CIFAR-10, to the layer; what ours is measured against.

    Conv2D(32, 3, relu), MaxPooling2D(), Conv2D(64, 3, relu), MaxPooling2D(), Conv2D(64, 3, relu),
    Flatten(), Dense(64, relu), Dense(10)

No padding, pictures in 0..1 as they are, kernels by Glorot and Bengio 2010 and biases of zero, as Keras makes
them.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from genstudio.classify.classifier import Classifier


@dataclass(frozen=True)
class KerasCNNConfig:
    """The classes' names; the temperature that was fitted after training."""

    classes: tuple[str, ...] = ()
    side_px: int = 32
    temperature: float = 1.0


class KerasCNN(Classifier):
    """See `Classifier`; the embedding has 64 values."""

    Config = KerasCNNConfig

    def __init__(self, config: KerasCNNConfig) -> None:
        super().__init__()
        self.config = config
        side = ((config.side_px - 2) // 2 - 2) // 2 - 2
        self.convs = nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.last = nn.Sequential(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten())
        self.dense = nn.Sequential(nn.Linear(64 * side * side, 64), nn.ReLU())
        self.logits = nn.Linear(64, len(config.classes))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def maps(self, x: Tensor) -> Tensor:
        y: Tensor = self.convs(x)
        return y

    def pooled(self, maps: Tensor) -> Tensor:
        y: Tensor = self.dense(self.last(maps))
        return y

    def head(self, features: Tensor) -> Tensor:
        y: Tensor = self.logits(features)
        return y
