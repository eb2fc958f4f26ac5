"""The networks of the benchmarks in PyTorch, which the scripts of PyTorch, OpenVINO and ONNX Runtime share.
ResNet18, MobileNetV2 and SqueezeNet (version 1.1) are torchvision's.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


def simple_conv_net():
    return nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(4320, 100), nn.ReLU(), nn.Linear(100, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
                         nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
                         nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))


LRN = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2}  # alpha is divided by the size: the paper's is 1e-4


def alexnet():
    def norm():
        return nn.LocalResponseNorm(**LRN)
    return nn.Sequential(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
                         nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
                         nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
                         nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
                         nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
                         nn.Linear(4096, 1000))


class Block(nn.Module):
    """The block of a ResNet for CIFAR; its shortcut takes every other pixel and adds empty channels."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.widen = (outputs - inputs) // 2
        self.stride = stride
        self.layers = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                                    nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.layers(x)
        if self.stride > 1:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.widen, self.widen))
        return F.relu(y + x)


def resnet20():
    layers, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for outputs in 16, 32, 64:
        for i in range(3):
            layers.append(Block(inputs, outputs, 2 if i == 0 and outputs > 16 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def vision(name):
    """The constructor of a network of torchvision, which the others do without."""
    def make():
        import torchvision
        return torchvision.models.get_model(name)
    return make


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


def sgd_momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)


MODELS = {  # constructor, shape of an image, classes, optimizer
    "SimpleConvNet": (simple_conv_net, (1, 28, 28), 10, adam),
    "LeNet": (lenet, (1, 28, 28), 10, adam),
    "AlexNet": (alexnet, (3, 227, 227), 1000, sgd_momentum),
    "ResNet20": (resnet20, (3, 32, 32), 10, sgd_momentum),
    "ResNet18": (vision("resnet18"), (3, 224, 224), 1000, sgd_momentum),
    "MobileNetV2": (vision("mobilenet_v2"), (3, 224, 224), 1000, sgd_momentum),
    "SqueezeNet": (vision("squeezenet1_1"), (3, 224, 224), 1000, sgd_momentum),
}


def for_prediction(model, batch):
    """A network in its form for prediction, and images for it."""
    make, shape, _, _ = MODELS[model]
    return make().eval(), torch.randn(batch, *shape)
