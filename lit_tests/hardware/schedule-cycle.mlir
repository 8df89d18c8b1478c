// RUN: not blendir-opt %s --schedule 2>&1 | filecheck %s
// RUN: not blendir-translate %s --to-hls -o %t 2>&1 | filecheck %s

!S = !stream.stream<4, 4, 2, !blend.fixed<8, 4>, 1>

// CHECK: error: a cycle: sum reads copies before it is made
func.func @main(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x4x4x!blend.fixed<8, 4>> {
  %a = stream.source %x {layer = "input"} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> !S
  %b = stream.add %a, %c {layer = "sum"} : (!S, !S) -> !S
  %c, %d = stream.fork %b {layer = "copies"} : (!S) -> (!S, !S)
  %y = stream.sink %d {layer = "output"} : (!S) -> tensor<1x2x4x4x!blend.fixed<8, 4>>
  func.return %y : tensor<1x2x4x4x!blend.fixed<8, 4>>
}
