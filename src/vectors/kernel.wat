;; Looks through one block of rows of 8-bit codes for those that are similar enough to a query of 16-bit codes.
;;
;; A row lies in two places: its first $head bytes among the heads, and the $tail bytes after them, of which there may
;; be none, among the tails; both are multiples of 16, and what is beyond a vector's length is 0. The similarity of a row is
;; the integer product of its codes and the query's, times the row's own scale. (The threshold and the list are in units
;; of the query's scale.) Of $count rows, at least one, those at or above $threshold are appended to $list, 8 bytes each: the
;; row's number in the block (i32) and its similarity (f32). Returns how many there are.
;;
;; Memory is what a scan waits for, so most tails are not read: the product of two tails is at most the product of their
;; lengths (Cauchy-Schwarz), and a row that stays below the threshold with that has no place in the list. $lengths has
;; that of each row's tail of codes, in quarters rounded up (u16), and $queryTail is a quarter of that of the query's,
;; rounded up by more than a multiplication takes away: so their product rounded down and 1 is no less than the tails' own.
;; With it the sum is an integer that is no less than the product of all codes, and what follows is done to both alike
;; and keeps their order: a row is left out only if the comparison at the end would have left it out too.
;;
;; i32x4.dot_i16x8_s multiplies eight pairs of 16-bit numbers and adds neighbours: one instruction on x86, three on ARM.
;; The row's bytes are widened as they are loaded, and the query is 16 bits wide already: that takes fewer instructions
;; than multiplying bytes and widening the products, and the query's own rounding hardly counts. Sums fit into 32 bits
;; as long as the query's codes are at most 2^31 / (128 * length): even one of the two lengths' product.
;;
;; One row after the other: taking two or four at a time loads the query less often and is a fifth faster while the rows
;; are in the processor's cache, and up to twice as slow when they are not, for memory is fastest in a single stream.
(module
  (memory (import "vectors" "memory") 0)
  (func (export "scan")
    (param $heads i32) (param $tails i32) (param $scales i32) (param $lengths i32) (param $count i32)
    (param $head i32) (param $tail i32)
    (param $query i32) (param $queryTail f32) (param $threshold f32) (param $list i32) (result i32)
    (local $row i32) (local $found i32) (local $at i32) (local $end i32) (local $q i32) (local $t i32) (local $product i32)
    (local $sum v128) (local $similarity f32)
    (local.set $at (local.get $heads))
    (loop $next
      (local.set $q (local.get $query))
      (local.set $end (i32.add (local.get $at) (local.get $head)))
      (local.set $sum (v128.const i32x4 0 0 0 0))
      (loop $piece
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.add
          (i32x4.dot_i16x8_s (v128.load (local.get $q)) (v128.load8x8_s (local.get $at)))
          (i32x4.dot_i16x8_s (v128.load offset=16 (local.get $q)) (v128.load8x8_s offset=8 (local.get $at))))))
        (local.set $q (i32.add (local.get $q) (i32.const 32)))
        (br_if $piece (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))
      (local.set $sum (i32x4.add (local.get $sum)
        (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $sum) (local.get $sum))))
      (local.set $product (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum))))
      (block $leave
        (if (local.get $tail)
          (then
            (br_if $leave (f32.lt
              (f32.mul
                (f32.load (local.get $scales))
                (f32.convert_i32_s (i32.add (local.get $product) (i32.add (i32.const 1)
                  (i32.trunc_sat_f32_s (f32.mul (f32.convert_i32_u (i32.load16_u (local.get $lengths))) (local.get $queryTail)))))))
              (local.get $threshold)))
            (local.set $t (i32.add (local.get $tails) (i32.mul (local.get $row) (local.get $tail))))
            (local.set $end (i32.add (local.get $t) (local.get $tail)))
            (local.set $sum (v128.const i32x4 0 0 0 0))
            (loop $piece
              (local.set $sum (i32x4.add (local.get $sum) (i32x4.add
                (i32x4.dot_i16x8_s (v128.load (local.get $q)) (v128.load8x8_s (local.get $t)))
                (i32x4.dot_i16x8_s (v128.load offset=16 (local.get $q)) (v128.load8x8_s offset=8 (local.get $t))))))
              (local.set $q (i32.add (local.get $q) (i32.const 32)))
              (br_if $piece (i32.lt_u (local.tee $t (i32.add (local.get $t) (i32.const 16))) (local.get $end))))
            (local.set $sum (i32x4.add (local.get $sum)
              (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $sum) (local.get $sum))))
            (local.set $product (i32.add (local.get $product)
              (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))))))
        (local.set $similarity (f32.mul
          (f32.load (local.get $scales))
          (f32.convert_i32_s (local.get $product))))
        (br_if $leave (f32.lt (local.get $similarity) (local.get $threshold)))
        (i32.store (local.get $list) (local.get $row))
        (f32.store offset=4 (local.get $list) (local.get $similarity))
        (local.set $list (i32.add (local.get $list) (i32.const 8)))
        (local.set $found (i32.add (local.get $found) (i32.const 1))))
      (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
      (local.set $lengths (i32.add (local.get $lengths) (i32.const 2)))
      (br_if $next (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 1))) (local.get $count))))
    (local.get $found)))
