# SPDX-License-Identifier: GPL-2.0-only
# Draw dedup.svg from footprint.tsv and cost.tsv in the current folder.

set terminal svg size 1040,580 font "DejaVu Sans,13" background "white" \
    noenhanced
set output "dedup.svg"
set datafile separator "\t"

set multiplot layout 1,2

set logscale x 2
set xrange [56:4680]
set xtics (64, 128, 256, 512, 1024, 2048, 4096)
set xlabel "line size (bytes)"
set grid ytics lc rgb "#dddddd" lt 1
set border 3
set tics nomirror
set bmargin 9
set lmargin 9
set key at graph 0.5,-0.19 center top vertical maxrows 4 Left reverse \
    samplen 2 font ",12"

array colour[11] = ["#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#aa0000", \
    "#666666", "#000000", "#a6761d", "#66a61e", "#1f78b4", "#00b0c8"]
array sign[11] = [7, 5, 9, 11, 13, 4, 6, 8, 10, 12, 14]

set title "Memory of interned segments\n(data, inner lines, metadata, index)"
set ylabel "percent of the content's bytes"
set yrange [0:300]
set ytics 50
set arrow 1 from 56,100 to 4680,100 nohead lw 1 dt 2 lc rgb "#888888"
plot for [i=1:11] "footprint.tsv" using 1:(column(i + 1)) with linespoints \
    lw 1.8 lc rgb colour[i] pt sign[i] ps 0.6 title columnheader(i + 1)
unset arrow 1

set title "Cost to store: files, median and range;\ndashed: one program, in the cache"
set ylabel "cycles per KB of content, one thread"
set logscale y 10
set yrange [50:10000]
set ytics (50, 100, 200, 500, 1000, 2000, 5000, 10000)
set style fill transparent solid 0.15 noborder
plot "cost.tsv" using 1:2:4 with filledcurves lc rgb colour[6] notitle, \
     "" using 1:5:7 with filledcurves lc rgb colour[1] notitle, \
     "" using 1:8:10 with filledcurves lc rgb colour[2] notitle, \
     "" using 1:3 with linespoints lw 2 lc rgb colour[6] pt 7 ps 0.6 \
         title "not interned: allocate, copy", \
     "" using 1:6 with linespoints lw 2 lc rgb colour[1] pt 5 ps 0.6 \
         title "interned, empty store", \
     "" using 1:9 with linespoints lw 2 lc rgb colour[2] pt 9 ps 0.6 \
         title "interned, all found", \
     "" using 1:12 with lines lw 1.5 dt 2 lc rgb colour[6] notitle, \
     "" using 1:15 with lines lw 1.5 dt 2 lc rgb colour[1] notitle, \
     "" using 1:18 with lines lw 1.5 dt 2 lc rgb colour[2] notitle

unset multiplot
