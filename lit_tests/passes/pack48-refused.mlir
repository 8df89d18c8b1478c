// RUN: blendir-opt %s --pack48 --verify-diagnostics --split-input-file | filecheck %s

// CHECK: the output is bits; a network should return numbers
builtin.module @bits_returned {
  func.func @main(%x : tensor<1x50xui8>) -> tensor<1x50xi1> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50xi1>
    func.return %s : tensor<1x50xi1>
  }
}

// -----

// CHECK: fold: a reshape of bits to [1, 25, 2, 4] would move lanes between words
builtin.module @lanes_would_move {
  func.func @main(%x : tensor<1x50x2x2xui8>) -> tensor<1x25x2x4x!blend.fixed<2, 2>> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50x2x2xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50x2x2xi1>
    %r = blend.reshape %s {layer = "fold"} : (tensor<1x50x2x2xi1>) -> tensor<1x25x2x4xi1>
    %v = blend.bits_to_value %r : (tensor<1x25x2x4xi1>) -> tensor<1x25x2x4x!blend.fixed<2, 2>>
    func.return %v : tensor<1x25x2x4x!blend.fixed<2, 2>>
  }
}
