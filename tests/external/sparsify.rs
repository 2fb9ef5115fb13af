// sparsify for float32: of equal magnitudes the lowest index stays. With --cfg wrong the highest one stays.
mod words;

use std::cmp::Reverse;

fn main() {
    words::answer_all(|line| {
        let mut x = line.array();
        let k = line.integer() as usize;
        let mut order: Vec<usize> = (0..x.elements.len()).collect();
        if cfg!(wrong) {
            order.reverse();
        }
        // a stable sort leaves equal magnitudes as they are; magnitudes are in the order of their bit patterns
        order.sort_by_key(|&i| Reverse(x.elements[i] & 0x7fff_ffff));
        for &i in &order[k..] {
            x.elements[i] = 0;
        }
        x
    });
}
