"""PyTorch's side of the benchmarks:

    python3 torch_step.py WORK MODEL [--batch N --threads N --seconds S --count N --channels-last --compile]
    python3 torch_step.py version

WORK is TrainStep (forward, backward, optimizer), Predict1 or PredictBatch (forward in inference mode);
MODEL is a network of torch_models.py. The data are random float32 in memory; PyTorch runs in eager mode
with its defaults, unless told to take channels last or to compile. measure.py says what it prints.
"""
import torch
import torch.nn.functional as F

import measure
from torch_models import MODELS, for_prediction


def prepare(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    return (training_step if args.work == "TrainStep" else prediction)(args)


def placed(net, x, args):
    if args.channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    return torch.compile(net) if args.compile else net, x


def training_step(args):
    make, shape, classes, optimizer = MODELS[args.model]
    net, x = placed(make(), torch.randn(args.batch, *shape), args)
    t = torch.randint(0, classes, (args.batch,))
    opt = optimizer(net.parameters())

    def step():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), t).backward()
        opt.step()
    return step


def prediction(args):
    net, x = placed(*for_prediction(args.model, args.batch), args)

    def predict():
        with torch.inference_mode():
            net(x)
    return predict


if __name__ == "__main__":
    measure.main(measure.arguments(__doc__, MODELS, ["TrainStep", "Predict1", "PredictBatch"],
                                   ["--channels-last", "--compile"]), torch.__version__, prepare)
