// RUN: blendir-opt %s -p 'lower-to-stream,schedule' > %t.mlir
// RUN: sed 's/start = 3 : i64/start = 2 : i64/' %t.mlir | not blendir-translate --to-hls -o %t 2>&1 | filecheck %s --check-prefix=START
// RUN: sed 's/interval = 32 : i64/interval = 31 : i64/' %t.mlir | not blendir-translate --to-hls -o %t 2>&1 | filecheck %s --check-prefix=INTERVAL
// RUN: sed 's/latency = 12 : i64/latency = -1 : i64/' %t.mlir | not blendir-opt 2>&1 | filecheck %s --check-prefix=NEGATIVE

// START: conv.window: start is 2, but its first input can be read in cycle 3; schedule again
// INTERVAL: output: interval is 31, but a frame keeps it busy for 32 cycles; schedule again
// NEGATIVE: stream.fixed_mvu (conv): expected integer >= 0, got -1
func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4x!blend.fixed<16, 12>> {
  %w = blend.constant dense<1> : tensor<2x2x3x3xi8> as tensor<2x2x3x3x!blend.fixed<8, 2>>
  %b = blend.constant dense<1> : tensor<2xi16> as tensor<2x!blend.fixed<16, 10>>
  %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>, tensor<2x2x3x3x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 10>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
  func.return %y : tensor<1x2x4x4x!blend.fixed<16, 12>>
}
