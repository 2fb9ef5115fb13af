// quantize for float32 and signed 8 bits, halves to even, saturating. With -DWRONG halves go away from zero.
module quantize (
    input wire [31:0] x,
    input wire signed [63:0] p,
    output reg signed [7:0] code
);
    wire [23:0] significand = {x[30:23] != 0, x[22:0]};
    wire [7:0] exponent = x[30:23] == 0 ? 8'd1 : x[30:23];
    // x = significand * 2^(exponent - 150)
    wire signed [63:0] shift = $signed({56'd0, exponent}) - 64'sd150 + p;
    wire infinite = x[30:23] == 8'hff;
    wire [5:0] right = -shift;

    reg [31:0] magnitude, rest, half;
    reg up;

    always @* begin
        rest = 0;
        half = 0;
        up = 0;
        if (significand == 0 && !infinite)
            magnitude = 0;
        else if (infinite || shift > 7)
            magnitude = 32'd128;  // and beyond
        else if (shift >= 0)
            magnitude = {8'd0, significand} << shift[2:0];
        else if (shift < -25)
            magnitude = 0;
        else begin
            rest = {8'd0, significand} & ((32'd1 << right) - 1);
            half = 32'd1 << (right - 1);
            magnitude = {8'd0, significand} >> right;
`ifdef WRONG
            up = rest >= half;
`else
            up = rest > half || (rest == half && magnitude[0]);
`endif
            magnitude = magnitude + up;
        end
        if (x[31])
            code = magnitude >= 128 ? -8'sd128 : -magnitude[7:0];
        else
            code = magnitude >= 127 ? 8'sd127 : magnitude[7:0];
    end
endmodule

// Reads +vectors=FILE.hex, and writes an answer to each of the vectors to +answers=FILE.hex.
module testbench;
    reg [63:0] words [0:262143];
    reg [8 * 1024 - 1:0] vectors, answers;
    reg [31:0] x;
    reg signed [63:0] p;
    wire signed [7:0] code;
    integer file, at, first, size, i;

    quantize dut (.x(x), .p(p), .code(code));

    initial begin
        if (!$value$plusargs("vectors=%s", vectors) || !$value$plusargs("answers=%s", answers)) $finish;
        $readmemh(vectors, words);
        file = $fopen(answers, "w");
        at = 0;
        while (words[at] !== 64'bx) begin
            $fwrite(file, "%h %h", words[at], words[at + 1]);  // the id and the number of dimensions
            size = 1;
            first = at + 2 + words[at + 1];
            for (i = at + 2; i < first; i = i + 1) begin
                $fwrite(file, " %h", words[i]);
                size = size * words[i];
            end
            p = words[first + size];
            for (i = first; i < first + size; i = i + 1) begin
                x = words[i][31:0];
                #1 $fwrite(file, " %h", {{56{code[7]}}, code});
            end
            $fwrite(file, "\n");
            // behind p stands what is expected, an array of the same form
            at = first + size + 1 + (first - at - 1) + size;
        end
        $fclose(file);
        $finish;
    end
endmodule
