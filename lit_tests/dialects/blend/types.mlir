// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @types(
// CHECK-SAME: tensor<1x!blend.fixed<16, 6>>, %{{.*}}: tensor<1x!blend.fixed<8, -3>>, %{{.*}}: tensor<1x!blend.fixed<8, 12>>
// CHECK-SAME: tensor<1x!blend.word>
// CHECK-GENERIC: sym_name = "types"
// CHECK-GENERIC-SAME: tensor<1x!blend.fixed<8, -3>>
func.func @types(%a : tensor<1x!blend.fixed<16, 6>>, %b : tensor<1x!blend.fixed<8, -3>>,
                 %c : tensor<1x!blend.fixed<8, 12>>, %d : tensor<1x!blend.word>) {
  func.return
}

// CHECK-LABEL: @constants
// CHECK-NEXT: blend.constant dense<[1.000000e+00, -2.500000e+00]> : tensor<2xf64>
// CHECK-NEXT: blend.constant dense<[true, false]> : tensor<2xi1> {note = "kept"}
// CHECK-NEXT: blend.constant dense<[0, 255]> : tensor<2xui8>
// CHECK-NEXT: blend.constant dense<[-3, 4]> : tensor<2xi16> as tensor<2x!blend.fixed<12, 4>>
// CHECK-NEXT: blend.constant dense<[1, 281474976710655]> : tensor<2xi64> as tensor<2x!blend.word>
// CHECK-GENERIC: "blend.constant"() <{value = dense<[-3, 4]> : tensor<2xi16>}> : () -> tensor<2x!blend.fixed<12, 4>>
func.func @constants() {
  %a = blend.constant dense<[1.0, -2.5]> : tensor<2xf64>
  %b = blend.constant dense<[true, false]> : tensor<2xi1> {note = "kept"}
  %c = blend.constant dense<[0, 255]> : tensor<2xui8>
  %d = blend.constant dense<[-3, 4]> : tensor<2xi16> as tensor<2x!blend.fixed<12, 4>>
  %e = blend.constant dense<[1, 281474976710655]> : tensor<2xi64> as tensor<2x!blend.word>
  func.return
}

// CHECK-LABEL: @enums
// CHECK-SAME: pad = [#blend<pad_mode zero_exact>, #blend<pad_mode plus_one>, #blend<pad_mode minus_one>]
// CHECK-SAME: round = [#blend<rounding half_up>, #blend<rounding half_even>]
func.func @enums() attributes {
  pad = [#blend.pad_mode zero_exact, #blend.pad_mode plus_one, #blend.pad_mode minus_one],
  round = [#blend.rounding half_up, #blend.rounding half_even]
} {
  func.return
}
