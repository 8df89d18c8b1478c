// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @gate(
// CHECK-NEXT: stream.multiply %{{.*}}, %{{.*}} : (!stream.stream<4, 5, 6, si6, 2>, !stream.stream<1, 1, 6, !blend.fixed<8, 1>, 2>) -> !stream.stream<4, 5, 6, !blend.fixed<9, 5>, 2>
// CHECK-GENERIC: "stream.multiply"(%{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_up>}>
func.func @gate(%x : !stream.stream<4, 5, 6, si6, 2>, %y : !stream.stream<1, 1, 6, !blend.fixed<8, 1>, 2>) {
  %r = stream.multiply %x, %y : (!stream.stream<4, 5, 6, si6, 2>, !stream.stream<1, 1, 6, !blend.fixed<8, 1>, 2>) -> !stream.stream<4, 5, 6, !blend.fixed<9, 5>, 2>
  func.return
}

// CHECK-LABEL: @layer_norm(
// CHECK-NEXT: stream.layer_norm %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 7 : i64} : (!stream.stream<4, 1, 3, ui8, 1>, tensor<3x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 8>>) -> !stream.stream<4, 1, 3, !blend.fixed<16, 5>, 1>
// CHECK-GENERIC: "stream.layer_norm"(%{{.*}}, %{{.*}}, %{{.*}}) <{epsilon = 7 : i64, rounding = #blend<rounding half_up>}>
func.func @layer_norm(%x : !stream.stream<4, 1, 3, ui8, 1>, %g : tensor<3x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<30, 8>>) {
  %r = stream.layer_norm %x, %g, %b {epsilon = 7 : i64} : (!stream.stream<4, 1, 3, ui8, 1>, tensor<3x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 8>>) -> !stream.stream<4, 1, 3, !blend.fixed<16, 5>, 1>
  func.return
}

// CHECK-LABEL: @lookup(
// CHECK-NEXT: stream.lookup %{{.*}}, %{{.*}} {storage = "bram"} : (!stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, tensor<8x!blend.fixed<6, 2>>) -> !stream.stream<4, 1, 4, !blend.fixed<6, 2>, 2>
// CHECK-GENERIC: "stream.lookup"(%{{.*}}, %{{.*}}) {storage = "bram"}
func.func @lookup(%x : !stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, %t : tensor<8x!blend.fixed<6, 2>>) {
  %r = stream.lookup %x, %t {storage = "bram"} : (!stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, tensor<8x!blend.fixed<6, 2>>) -> !stream.stream<4, 1, 4, !blend.fixed<6, 2>, 2>
  func.return
}

// CHECK-LABEL: @held_parameters(
// CHECK-NEXT: stream.piecewise_linear %{{.*}}, %{{.*}} {hold = 6 : i64} : (!stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>
func.func @held_parameters(%x : !stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>, %k : tensor<5xi64>, %a : tensor<5x!blend.fixed<8, 4>>, %b : tensor<5x!blend.fixed<16, 8>>) {
  %r = stream.piecewise_linear %x, %k, %a, %b, %a, %b {hold = 6 : i64} : (!stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>, tensor<5xi64>, tensor<5x!blend.fixed<8, 4>>, tensor<5x!blend.fixed<16, 8>>, tensor<5x!blend.fixed<8, 4>>, tensor<5x!blend.fixed<16, 8>>) -> !stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>
  func.return
}

// CHECK-LABEL: @argmax(
// CHECK-NEXT: stream.argmax %{{.*}} : (!stream.stream<4, 5, 6, !blend.fixed<8, 4>, 3>) -> !stream.stream<4, 5, 1, !blend.fixed<4, 4>, 1>
// CHECK-GENERIC: "stream.argmax"(%{{.*}})
func.func @argmax(%x : !stream.stream<4, 5, 6, !blend.fixed<8, 4>, 3>) {
  %r = stream.argmax %x : (!stream.stream<4, 5, 6, !blend.fixed<8, 4>, 3>) -> !stream.stream<4, 5, 1, !blend.fixed<4, 4>, 1>
  func.return
}
