// RUN: blendir-opt %s -p 'verify-stage{stage=packed}' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: not at [packed]: blend.threshold (blend.threshold): it makes single bits; run pack48
builtin.module @bits {
  func.func @main(%x : tensor<1x50xui8>) -> tensor<1x50x!blend.fixed<2, 2>> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50xi1>
    %v = blend.bits_to_value %s : (tensor<1x50xi1>) -> tensor<1x50x!blend.fixed<2, 2>>
    func.return %v : tensor<1x50x!blend.fixed<2, 2>>
  }
}
