// RUN: blendir-opt %s --quantize --verify-diagnostics --split-input-file | filecheck %s

// CHECK: not at [folded]: blend.relu (blend.relu): it is not folded; run fold-bn
builtin.module @not_folded {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %r = blend.relu %x : tensor<1x2xf64>
    func.return %r : tensor<1x2xf64>
  }
}
