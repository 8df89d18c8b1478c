// RUN: blendir-opt %s | blendir-opt | filecheck %s

// Constant thresholds are infinite; a list of them is written in hexadecimal, which the parser reads back.

// CHECK-LABEL: @always_and_never
// CHECK-NEXT: blend.constant dense<"0x000000000000F0FF000000000000F07F"> : tensor<2xf64>
func.func @always_and_never() {
  %t = blend.constant dense<"0x000000000000F0FF000000000000F07F"> : tensor<2xf64>
  func.return
}

// CHECK-LABEL: @always
// CHECK-NEXT: blend.constant dense<"0x000000000000F0FF000000000000F0FF"> : tensor<2xf64>
func.func @always() {
  %t = blend.constant dense<"0x000000000000F0FF000000000000F0FF"> : tensor<2xf64>
  func.return
}
