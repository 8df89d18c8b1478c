// RUN: blendir-opt %s -p 'verify-stage{stage=fixed}' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: not at [fixed]: blend.affine (blend.affine): it computes floats; run quantize
builtin.module @floats {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %two = blend.constant dense<2.0> : tensor<2xf64>
    %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
    func.return %a : tensor<1x2xf64>
  }
}
