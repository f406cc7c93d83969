"""Numbers that everybody knows, and the circles of weekdays and months."""

from __future__ import annotations

from clbench.data.words.notation import table, words

# Part, preposition, whole, wholes, and how many.
FACTS = table("""
    legs | on | spider | spiders | 8
    legs | on | ant | ants | 6
    legs | on | beetle | beetles | 6
    legs | on | dog | dogs | 4
    legs | on | cow | cows | 4
    legs | on | frog | frogs | 4
    legs | on | hen | hens | 2
    wings | on | gull | gulls | 2
    arms | on | octopus | octopuses | 8
    wheels | on | car | cars | 4
    wheels | on | bicycle | bicycles | 2
    wheels | on | tricycle | tricycles | 3
    days | in | week | weeks | 7
    months | in | year | years | 12
    hours | in | day | days | 24
    minutes | in | hour | hours | 60
    seconds | in | minute | minutes | 60
    years | in | decade | decades | 10
    cents | in | dollar | dollars | 100
    cents | in | nickel | nickels | 5
    cents | in | dime | dimes | 10
    sides | on | triangle | triangles | 3
    sides | on | square | squares | 4
    sides | on | hexagon | hexagons | 6
    faces | on | cube | cubes | 6
    fingers | on | hand | hands | 5
    strings | on | violin | violins | 4
    shoes | in | pair | pairs | 2
""")
GOODS = words("eggs rolls pens plums pins cups forks roses nuts cards eels buns")
WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words("January February March April May June July August September October November December")
