"""
Models that PyTorch has traced before: exported programs, their files, and TorchScript.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._export.converter import TS2EPConverter
from torch.export import ExportedProgram

from blendir.frontend.errors import first_line

SUFFIX = ".pt2"


def opened(model: Any) -> Any:
    """
    The program in a `.pt2` file (which PyTorch's loader may run code of: open only files that you trust); anything else
    as it is.
    """
    if not isinstance(model, (str, Path)):
        return model
    path = Path(model)
    if path.suffix != SUFFIX:
        raise ValueError(f"{path}: not a {SUFFIX} file: give an nn.Module, or a program saved by torch.export.save")
    if not path.is_file():
        raise ValueError(f"{path}: cannot be read: no such file")
    try:
        return torch.export.load(path)
    except Exception as error:
        raise ValueError(f"{path}: not a program that this PyTorch can load: {first_line(error)}") from None


def module_of(program: ExportedProgram) -> nn.Module:
    """
    A module with tensors of its own that computes what a program computes, on frames of any number.
    """
    model = program.module(check_guards=False)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.detach().cpu().clone(), False))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.detach().cpu().clone())
    return model


def program_of(script: torch.jit.ScriptModule, frame: Tensor) -> ExportedProgram:
    """
    The program of a traced or scripted module for one frame.
    """
    try:
        return TS2EPConverter(script.eval(), (frame,)).convert()
    except Exception as error:
        raise ValueError(
            f"PyTorch cannot export this TorchScript: {first_line(error)}; give the nn.Module that it was made from"
        ) from error
