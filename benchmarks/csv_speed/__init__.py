"""How fast imports and exports are, beside what people do today, in one run: `make bench-csv`.

data.py makes the files, stage.py the servers and workers, ours.py and rivals.py are what is compared, meter.py the clocks,
compare.py the rounds and their ratios, __main__.py what is asked and what is held.
"""
