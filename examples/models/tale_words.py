# SPDX-License-Identifier: Apache-2.0
"""The words and the sentence forms of tales.py."""

# Short words, some of them in several lists: nearly each is one token of a vocabulary of 1,024.
NAMES = {
    "f": "Ann Eva Ida Mia Zoe Amy Lena Rosa Nora Ella".split(),
    "m": "Ben Tom Max Leo Sam Ned Otto Karl Finn Emil".split(),
}

FREE = {
    "kind": "baker miller sailor potter tailor farmer fox owl hare otter raven heron".split(),
    "hero_look": "young quiet clever shy hungry brave sleepy proud gentle merry bold lonely".split(),
    "thing_kind": """lamp key kettle bell mirror drum map basket clock coin ring candle bottle kite wheel scarf hat cup
        book harp""".split(),
    "thing_look": """rusty copper tiny golden silver wooden dusty blue heavy glass shiny broken round green warm
        purple""".split(),
    "place": """mill forest tower bridge meadow village castle cave island market valley barn lake garden hill
        port""".split(),
    "place_look": """old windy sunny silent misty hidden stony sleepy steep shady lonely foggy snowy quiet""".split(),
    "weather": "rain snow fog wind thunder frost hail mist sleet".split(),
    "time": "morning evening Monday Friday Sunday winter summer spring".split(),
    "food": "plums apples pears nuts berries cakes pies eggs beans rolls buns figs".split(),
    "animal": "cat crow donkey frog snail moth toad duck lamb goat rabbit".split(),
    "feeling": "happy proud tired glad calm lucky merry warm free".split(),
    "worry": "worried sad afraid gloomy angry lonely cross upset".split(),
    "manner": "slowly quickly softly bravely loudly gladly calmly gently proudly wisely boldly quietly".split(),
    "number": "two three four five six seven nine ten".split(),
    "colour": "red blue green yellow brown grey black white".split(),
    "deed": "sang danced laughed slept rested waited smiled cheered hummed".split(),
    "hide": "behind under beside inside above near".split(),
    "furniture": "stove table crate barrel window fence wall bed trunk door hedge chair".split(),
    "skill": "knots songs stars tides roots bees riddles stories".split(),
}

PLOT = ["opening", "loss", "feeling", "advice", "journey", "meeting", "obstacle", "answer", "finding",
        "return", "feast", "ending"]

FORMS = {
    "opening": [
        "Near the {home_look} {home} lived a {hero_look} {kind} named {hero}.",
        "Once there was a {hero_look} {kind} called {hero}, who lived near the {home_look} {home}.",
        "{hero} was a {hero_look} {kind} from the {home_look} {home}.",
        "A {hero_look} {kind} named {hero} had a house beside the {home_look} {home}.",
        "Long ago, a {hero_look} {kind} by the name of {hero} came to live by the {home_look} {home}.",
    ],
    "loss": [
        "One {time}, in the {weather}, {hero_his} {thing_look} {thing_kind} was gone.",
        "Then, on a {time} full of {weather}, somebody took {hero_his} {thing_look} {thing_kind}.",
        "One {time} {hero_he} looked {hide} the {furniture}, but the {thing_look} {thing_kind} was missing.",
        "But one {time} the {weather} carried {hero_his} {thing_look} {thing_kind} away.",
        "One {time} {hero_he} heard of a {thing_look} {thing_kind} that lay hidden {hide} a {furniture} far away.",
    ],
    "feeling": [
        "\"Where is the {thing_kind}?\" asked {hero}, and {hero_he} felt very {worry}.",
        "Without the {thing_kind} {hero} was {worry} and could not eat {hero_his} {food}.",
        "{hero_he} sat {hide} the {furniture}, {worry} and cold, and thought of {number} places.",
        "For {number} days {hero} was {worry} and spoke {manner} of the {thing_kind}.",
        "{hero} became so {worry} that even the {animal} was {worry}.",
    ],
    "advice": [
        "\"Go to the {far_look} {far},\" said an old {animal}, \"and take some {food}.\"",
        "A {colour} {animal} whispered that it was at the {far_look} {far}, {hide} a {furniture}.",
        "The {animal} {manner} told {hero_him} to look around the {far_look} {far} before the {weather} came.",
        "A letter in {colour} ink said that it was by the {far_look} {far}.",
        "\"I saw it near the {far_look} {far},\" said {number} {animal}s at once.",
    ],
    "journey": [
        "So {hero} packed {food} and walked {manner} to the {far} through {weather}.",
        "{hero} put on a {colour} coat and left the {home} {manner} in the {weather}.",
        "With {number} {food} in a bag, {hero} left the {home} on a {time}.",
        "{hero} {manner} followed the {colour} road from the {home} to the {far}.",
        "So {hero} left the {home}, {manner}, with a {colour} hat and some {food}.",
    ],
    "meeting": [
        "On the way to the {far} {hero_he} met {friend}, a {hero_look} {friend_kind} who knew all about {skill}.",
        "There stood {friend}, a {hero_look} {friend_kind} with {number} {colour} bags.",
        "Near a {furniture} a {hero_look} {friend_kind} named {friend} was eating {food}.",
        "Near the {far} {hero_he} found {friend}, a {friend_kind} who was {worry} because of the {weather}.",
        "A {hero_look} {friend_kind} named {friend} came along and {deed} beside {hero_him}.",
    ],
    "finding": [
        "And there, {hide} the {furniture} of the {far}, lay the {thing_look} {thing_kind}.",
        "At the {far} {friend} looked {hide} a {colour} {furniture} and found the {thing_kind}.",
        "By the {far} a {colour} {animal} was {manner} guarding the {thing_look} {thing_kind}.",
        "They walked around the {far} until {hero} found the {thing_kind} {hide} a {furniture}.",
        "\"Look, {hero}!\" cried {friend} at the {far}, and {hide} the {furniture} was the {thing_look} {thing_kind}.",
    ],
    "return": [
        "Back at the {home} {hero} thanked {friend} {manner} and gave {friend_him} {number} {food}.",
        "{hero} and {friend} carried the {thing_kind} {manner} back to the {home}.",
        "They {deed} all the way home to the {home}, and {friend} held the {thing_look} {thing_kind}.",
        "\"Half of it is yours,\" said {hero} at the {home}, and {friend} was {feeling}.",
        "{friend} came along to the {home}, for {friend_he} was tired of {weather}.",
    ],
    "feast": [
        "That {time} they ate {food} and {food} while the {animal} {deed}.",
        "{number} {animal}s {deed} when they saw the {thing_look} {thing_kind} again.",
        "{hero} put the {thing_kind} {hide} the {furniture} and cooked {food} for everybody.",
        "All the {animal}s of the {home} came with {food} and {deed} {manner}.",
        "They hung the {thing_kind} {hide} the {colour} {furniture} and {deed} until the {weather} was over.",
    ],
    "ending": [
        "From then on {hero} and {friend} were the best of friends, {feeling} and {feeling}.",
        "And {hero} was {feeling}, because {hero_he} had a {thing_kind} and a good friend to talk to.",
        "Since that {time} {hero} has never been {worry} again.",
        "And if the {weather} has not stopped them, {hero} and {friend} are still {feeling} at the {home} today.",
        "{hero} learned that a friend is worth more than {number} {colour} {thing_kind}s.",
    ],
}

OBSTACLES = {
    "river": {
        "obstacle": [
            "Soon a {colour} river, wide and full of {weather}, lay before them.",
            "But the river by the {far} was deep, and there was no boat for {number} miles.",
            "Then they came to a cold river where {number} {animal}s were waiting.",
        ],
        "answer": [
            "{friend} {manner} tied {number} {furniture}s together, and so they crossed the river.",
            "They laid a {furniture} across the water and walked over it {manner}.",
            "{hero} asked the {colour} {animal} for help, and it {manner} pulled them to the other shore.",
        ],
    },
    "gate": {
        "obstacle": [
            "The gate of the {far} was locked with {number} {colour} locks.",
            "A {colour} gate closed the road, and its guard, a {animal}, wanted {food}.",
            "But before the {far} stood a gate that no {animal} had ever opened.",
        ],
        "answer": [
            "{friend} {manner} opened the gate with a pin and some {food}.",
            "{hero} gave the guard {number} {food}, and the gate opened {manner}.",
            "They climbed {manner} over the gate on the back of a {furniture}.",
        ],
    },
    "storm": {
        "obstacle": [
            "Then a storm of {weather} and {weather} threw {hero_him} against a {furniture}.",
            "In the night a storm came and blew away {number} {colour} hats.",
            "But a terrible storm stopped them for {number} days.",
        ],
        "answer": [
            "They hid {hide} a {furniture}, ate {food} and {deed} until the storm was over.",
            "{friend} built a roof from a {furniture}, and they waited {manner} for the end of the storm.",
            "They held on to a {colour} {animal} and walked {manner} through the storm.",
        ],
    },
    "giant": {
        "obstacle": [
            "Before the {far} sat a {worry} giant with a {colour} beard, who ate {food}.",
            "Suddenly a giant with {number} {colour} teeth stood in their way.",
            "A giant slept across the road, and {number} {animal}s slept on him.",
        ],
        "answer": [
            "{hero} {manner} told the giant stories about {skill} until he {deed}.",
            "{friend} cooked {food} for the giant, who {manner} let them go.",
            "They {manner} tickled the giant with a {animal}, and he {deed} and let them pass.",
        ],
    },
    "riddle": {
        "obstacle": [
            "A {colour} {animal} asked them a riddle about {skill} and {weather}.",
            "At the door of the {far} was a riddle in {colour} letters, {number} lines long.",
            "\"Answer my riddle,\" said a {animal} {hide} a {furniture}, \"or go home!\"",
        ],
        "answer": [
            "{friend} thought of {skill}, and {manner} {friend_he} gave the right answer to the riddle.",
            "\"The answer is {food},\" said {hero} {manner}, and the riddle was solved.",
            "{hero} guessed {number} times, and the last answer to the riddle was right.",
        ],
    },
    "darkness": {
        "obstacle": [
            "Then the path went down into the dark, and nobody could see the {colour} walls.",
            "It was so dark near the {far} that {number} {animal}s had lost their way.",
            "But inside it was dark, and something {deed} {hide} a {furniture}.",
        ],
        "answer": [
            "{friend} lit a {colour} lamp, and the dark was full of {animal}s.",
            "{hero} counted {number} steps in the dark and then {manner} turned left.",
            "A {colour} {animal} with bright eyes led them {manner} through the dark.",
        ],
    },
}
