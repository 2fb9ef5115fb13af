use std::io::{self, BufRead, Write};

/// The kernel under test; a float64 holds every product for |p| <= 800.
fn quantize(x: f32, p: i64) -> i8 {
    let half = p.clamp(-1600, 1600) / 2;
    let rest = p.clamp(-1600, 1600) - half;
    let v = f64::from(x) * 2f64.powi(half as i32) * 2f64.powi(rest as i32);
    v.round_ties_even().clamp(-128.0, 127.0) as i8
}

fn main() -> io::Result<()> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let word = |i: usize| u64::from_str_radix(words[i], 16).expect("a hexadecimal word");
        // an id, an array (its number of dimensions, its sizes, its elements), then p
        let first = 2 + word(1) as usize;
        let p = word(words.len() - 1) as i64;
        write!(output, "{}", words[..first].join(" "))?;
        for i in first..words.len() - 1 {
            let code = quantize(f32::from_bits(word(i) as u32), p);
            write!(output, " {:x}", i64::from(code))?;
        }
        writeln!(output)?;
    }
    Ok(())
}
