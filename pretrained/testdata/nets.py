"""SqueezeNet 1.0 and EfficientNet-Lite0 in PyTorch, with the names of their released files."""
import torch
from torch import nn


class Fire(nn.Module):
    def __init__(self, i, s, e):
        super().__init__()
        self.squeeze, self.expand1x1, self.expand3x3 = nn.Conv2d(i, s, 1), nn.Conv2d(s, e, 1), nn.Conv2d(s, e, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self):
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=True)
        self.features = nn.Sequential(nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool(), Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), pool(),
                                      Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), pool(), Fire(512, 64, 256))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)


class Block(nn.Module):
    def __init__(self, i, o, k, s, e):
        super().__init__()
        bn = lambda n: nn.BatchNorm2d(n, 1e-3, 0.01)
        m, self.e, self.same = i * e, e, s == 1 and i == o
        if e > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(i, m, 1, bias=False), bn(m)
        total = k - s if s > 1 else k - 1
        self.pad = (total // 2, total - total // 2) * 2
        self._depthwise_conv, self._bn1 = nn.Conv2d(m, m, k, s, groups=m, bias=False), bn(m)
        self._project_conv, self._bn2 = nn.Conv2d(m, o, 1, bias=False), bn(o)

    def forward(self, x):
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.e > 1 else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(nn.functional.pad(y, self.pad))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.same else y


class Lite0(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32, 1e-3, 0.01)
        blocks, i = [], 32
        for k, s, e, o, n in [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]:
            for r in range(n):
                blocks.append(Block(i, o, k, s if r == 0 else 1, e))
                i = o
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280, 1e-3, 0.01)
        self._dropout, self._fc = nn.Dropout(0.2), nn.Linear(1280, 1000)

    def forward(self, x):
        x = nn.functional.relu6(self._bn0(self._conv_stem(nn.functional.pad(x, (0, 1, 0, 1)))))
        x = nn.functional.relu6(self._bn1(self._conv_head(self._blocks(x))))
        return self._fc(self._dropout(x.mean((2, 3))))
