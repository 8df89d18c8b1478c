// RUN: blendir-opt %s -p 'lower-to-stream,schedule{fps=100000000.0}' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: frames per second leave 3 cycles at 340 MHz, but
builtin.module @binary_conv_corrects_borders {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xi32> {
    %w = blend.constant dense<1> : tensor<2x2x3x3xi8> as tensor<2x2x3x3x!blend.fixed<8, 2>>
    %b = blend.constant dense<1> : tensor<2xi16> as tensor<2x!blend.fixed<16, 10>>
    %t = blend.constant dense<5> : tensor<2xi64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %bw = blend.constant dense<3> : tensor<2x1x3x3xi64> as tensor<2x1x3x3x!blend.word>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>, tensor<2x2x3x3x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 10>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
    %s = blend.threshold %y, %t, %no : (tensor<1x2x4x4x!blend.fixed<16, 12>>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x1x4x4x!blend.word>
    %v = blend.packed_binary_conv2d %s, %bw {channels = 2 : i64, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x4x4x!blend.word>, tensor<2x1x3x3x!blend.word>) -> tensor<1x2x4x4xi32>
    func.return %v : tensor<1x2x4x4xi32>
  }
}
