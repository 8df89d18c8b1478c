// RUN: blendir-opt %s -p 'verify-stage{stage=folded}' --split-input-file | filecheck %s
// RUN: blendir-opt %s -p 'verify-stage{stage=fixed}' --split-input-file | filecheck %s
// RUN: blendir-opt %s -p 'verify-stage{stage=packed}' --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @reached {
// CHECK: blend.requantize
builtin.module @reached {
  func.func @main(%x : tensor<1x2xui8>) -> tensor<1x2x!blend.fixed<10, 10>> {
    %y = blend.requantize %x : (tensor<1x2xui8>) -> tensor<1x2x!blend.fixed<10, 10>>
    func.return %y : tensor<1x2x!blend.fixed<10, 10>>
  }
}
