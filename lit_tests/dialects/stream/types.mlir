// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @types(
// CHECK-SAME: !stream.stream<4, 5, 3, ui8, 3>, %{{.*}}: !stream.stream<1, 1, 7, !blend.fixed<16, 6>, 4>
// CHECK-SAME: !stream.stream<2, 2, 48, i1, 48>, %{{.*}}: !stream.stream<1, 1, 64, !blend.fixed<16, 6>, 64>
// CHECK-GENERIC: sym_name = "types"
// CHECK-GENERIC-SAME: !stream.stream<1, 1, 7, !blend.fixed<16, 6>, 4>
func.func @types(%pixels : !stream.stream<4, 5, 3, ui8, 3>, %last_beat_filled : !stream.stream<1, 1, 7, !blend.fixed<16, 6>, 4>,
                 %bits : !stream.stream<2, 2, 48, i1, 48>, %widest : !stream.stream<1, 1, 64, !blend.fixed<16, 6>, 64>) {
  func.return
}

// CHECK-LABEL: @enums
// CHECK-SAME: kinds = [#stream<pool_kind sum>, #stream<pool_kind max>, #stream<pool_kind or>]
func.func @enums() attributes {kinds = [#stream.pool_kind sum, #stream.pool_kind max, #stream.pool_kind or]} {
  func.return
}
