// RUN: ROUNDTRIP

// CHECK-LABEL: @multi_threshold(
// CHECK-NEXT: stream.multi_threshold %{{.*}}, %{{.*}}, %{{.*}} {lowest = 0 : i64, step = 1 : i64}
func.func @multi_threshold(%x : !stream.stream<2, 2, 4, !blend.fixed<8, 4>, 2>, %t : tensor<4x3xi64>, %i : tensor<4xi1>) {
  %r = stream.multi_threshold %x, %t, %i {lowest = 0 : i64, step = 1 : i64} : (!stream.stream<2, 2, 4, !blend.fixed<8, 4>, 2>, tensor<4x3xi64>, tensor<4xi1>) -> !stream.stream<2, 2, 4, !blend.fixed<3, 3>, 2>
  func.return
}

// CHECK-LABEL: @take(
// CHECK-NEXT: stream.take %{{.*}} {indices = array<i64: 3, -1, 0>}
func.func @take(%x : !stream.stream<2, 2, 4, ui8, 2>) {
  %r = stream.take %x {indices = array<i64: 3, -1, 0>} : (!stream.stream<2, 2, 4, ui8, 2>) -> !stream.stream<2, 2, 3, ui8, 3>
  func.return
}
