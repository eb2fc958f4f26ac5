"""PyTorch's side of `bench -until`:

    python3 torch_train.py --data DIR [--epochs N --batch N --optimizer NAME --lr RATE ...]

Trains the book's SimpleConvNet on the MNIST files in DIR with the settings of a trainmnist recipe.
After each epoch it prints the accuracy on all test images in trainmnist's form: "epoch 3/20  loss
0.0456  test 98.65%". It ends after the epoch that reaches --until.

All images are in memory as float32; a batch is indexed by a permutation. Eager mode, PyTorch's
defaults.
"""
import argparse
import gzip
import math
import os

import torch
import torch.nn as nn
import torch.nn.functional as F


def idx(path, header):
    with gzip.open(path) as file:
        data = bytearray(file.read())
    return torch.frombuffer(data, dtype=torch.uint8, offset=header)


def mnist(directory, part):
    images = idx(os.path.join(directory, part + "-images-idx3-ubyte.gz"), 16)
    labels = idx(os.path.join(directory, part + "-labels-idx1-ubyte.gz"), 8)
    return images.view(-1, 1, 28, 28).float() / 255, labels.long()


def simple_conv_net(init):
    net = nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(4320, 100), nn.ReLU(), nn.Linear(100, 10))
    for layer in net:
        if hasattr(layer, "weight"):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in) if init == "he" else float(init))
            nn.init.zeros_(layer.bias)
    return net


def rate(step, steps, args):
    """The factor of the learning rate in trainmnist's schedules."""
    if step < args.warmup:
        return (step + 1) / (args.warmup + 1)
    if args.schedule == "constant":
        return 1
    return (1 + math.cos(math.pi * min(1, (step - args.warmup) / max(1, steps - args.warmup)))) / 2


def accuracy(net, images, labels):
    with torch.inference_mode():
        right = sum((net(x).argmax(1) == t).sum().item() for x, t in zip(images.split(1000), labels.split(1000)))
    return right / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--optimizer", choices=["adam", "adamw"], default="adam")
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--schedule", choices=["constant", "cosine"], default="constant")
    parser.add_argument("--warmup", type=int, default=0)
    parser.add_argument("--weight-decay", type=float, default=0)
    parser.add_argument("--label-smoothing", type=float, default=0)
    parser.add_argument("--hardest", type=float, default=0)
    parser.add_argument("--init", default="0.01")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--until", type=float, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels = mnist(args.data, "train")
    test_images, test_labels = mnist(args.data, "t10k")
    net = simple_conv_net(args.init)
    make = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[args.optimizer]
    optimizer = make(net.parameters(), lr=args.lr, weight_decay=args.weight_decay)
    counts = [len(images)] + (args.epochs - 1) * [int((args.hardest or 1) * len(images))]
    steps = sum(count // args.batch for count in counts)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps, args))
    hardness = torch.full([len(images)], math.inf)  # each image's loss when it was last visited

    for epoch, count in enumerate(counts, 1):
        total, per_epoch = 0.0, count // args.batch
        chosen = hardness.topk(count).indices
        order = chosen[torch.randperm(count)][:per_epoch * args.batch]
        for batch in order.view(per_epoch, args.batch):
            optimizer.zero_grad(set_to_none=True)
            losses = F.cross_entropy(
                net(images[batch]), labels[batch], label_smoothing=args.label_smoothing, reduction="none")
            loss = losses.mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            hardness[batch] = losses.detach()
            total += loss.item()
        share = accuracy(net, test_images, test_labels)
        print(f"epoch {epoch}/{args.epochs}  loss {total / per_epoch:.4f}  test {100 * share:.2f}%", flush=True)
        if share >= args.until:
            break


if __name__ == "__main__":
    main()
