// Test vectors as lines of hexadecimal words: reading a question, writing an answer.
use std::io::{self, BufRead, Write};

pub struct Words {
    words: std::vec::IntoIter<u64>,
}

pub struct Array {
    pub sizes: Vec<u64>,
    pub elements: Vec<u64>,
}

impl Words {
    pub fn word(&mut self) -> u64 {
        self.words.next().expect("a line that ends early")
    }

    pub fn integer(&mut self) -> i64 {
        self.word() as i64
    }

    pub fn array(&mut self) -> Array {
        let dimensions = self.word();
        let sizes: Vec<u64> = (0..dimensions).map(|_| self.word()).collect();
        let size: u64 = sizes.iter().product();
        let elements = (0..size).map(|_| self.word()).collect();
        Array { sizes, elements }
    }
}

/// Answer every line of the standard input.
pub fn answer_all(answer: impl Fn(&mut Words) -> Array) {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line.expect("text");
        let words: Vec<u64> = line
            .split_whitespace()
            .map(|word| u64::from_str_radix(word, 16).expect("a hexadecimal word"))
            .collect();
        let mut words = Words { words: words.into_iter() };
        let id = words.word();
        let array = answer(&mut words);
        write!(output, "{:x} {:x}", id, array.sizes.len()).expect("a reader");
        for word in array.sizes.iter().chain(&array.elements) {
            write!(output, " {:x}", word).expect("a reader");
        }
        writeln!(output).expect("a reader");
    }
}
