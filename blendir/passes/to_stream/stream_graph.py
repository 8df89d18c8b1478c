"""
What makes a graph of processes out of operations with any number of users.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.rewriter import Rewriter

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp
from blendir.interpreter import main_function


def fuse_residuals(module: ModuleOp) -> None:
    """
    An addition whose sum is thresholded and also used elsewhere becomes one process with two writes.
    """
    block = main_function(module).body.block
    for op in list(block.ops):
        if not isinstance(op, stream.AddOp):
            continue
        users = [use.operation for use in op.result.uses]
        bits = next((user for user in users if isinstance(user, stream.ThresholdOp)), None)
        if len(users) < 2 or bits is None:
            continue
        parameters = [v.owner for v in bits.operands[1:] if isinstance(v.owner, ConstantOp)]
        for parameter in parameters:
            parameter.detach()
        fused = stream.ResidualOp(op, bits)
        block.insert_ops_before([*parameters, fused], op)
        for old, new in ((bits, fused.bit), (op, fused.sum)):
            new.name_hint = old.result.name_hint
            old.result.replace_all_uses_with(new)
            Rewriter.erase_op(old)


def insert_forks(module: ModuleOp) -> None:
    """
    A stream has one reader: copies are made where there are more.
    """
    block = main_function(module).body.block
    for op in list(block.ops):
        for value in stream.streams(op.results):
            if not value.has_more_than_one_use():
                continue
            uses = list(value.uses)
            layer = f"{op.layer_name}.fork" if isinstance(op, stream.ProcessOp) else "fork"
            after: Operation = op
            source = value
            while len(uses) > 1:
                count = min(4, len(uses))
                fork = stream.ForkOp(source, count, layer)
                block.insert_ops_after([fork], after)
                served = uses if len(uses) <= 4 else uses[:3]
                for use, copy in zip(served, fork.copies, strict=False):
                    copy.name_hint = value.name_hint
                    use.operation.operands[use.index] = copy
                uses = uses[len(served) :]
                source, after = fork.copies[-1], fork
                if len(uses) == 1:
                    uses[0].operation.operands[uses[0].index] = source
                    break
