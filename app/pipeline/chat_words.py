"""What the assistant's code understands of a message, and the plain words that a sentence about no product may hold."""

from __future__ import annotations

import re

from app.pipeline.proof_text import word_set

GREETING = re.compile(r"^\W*(?:hi|hello|hey|good (?:morning|day|evening|afternoon)|howdy|greetings)\b", re.IGNORECASE)
THANKS = re.compile(r"^\W*(?:thanks?|thank you|cheers|great|perfect|ok(?:ay)?|bye|goodbye|cool)\b", re.IGNORECASE)
WHO = re.compile(
    r"\b(?:are you (?:a |an )?(?:human|robot|bot|machine|person|real|ai|model)|who are you|what are you|"
    r"am i (?:talking|speaking) (?:to|with))\b",
    re.IGNORECASE,
)
HAND_OFF = re.compile(
    r"\b(?:(?:speak|talk|chat|connect me|put me through) (?:to|with) (?:a |an |some)?"
    r"(?:human|person|someone|somebody|agent|employee|staff|support|service|advisor|adviser|manager)|"
    r"customer (?:service|support)|complain(?:t)?|my order|order status|where is my (?:parcel|package|delivery|order)|"
    r"(?:return|refund|exchange|cancel) (?:my|an?|the|this|it)\b|invoice|warranty claim|human (?:agent|being|help))",
    re.IGNORECASE,
)
DANGER = re.compile(
    r"\b(?:suicid\w*|kill (?:myself|himself|herself|themselves|someone|somebody|him|her|my)|self[- ]?harm|"
    r"hurt (?:myself|someone|somebody)|overdose)\b",
    re.IGNORECASE,
)
UNSAFE = re.compile(
    r"\b(?:bombs?|explosives?|grenades?|molotov|firearms?|handguns?|rifles?|ammunition|silencers?|"
    r"cocaine|heroin|meth(?:amphetamine)?|fentanyl|poison (?:someone|somebody|my|him|her|a)|"
    r"(?:credit )?card numbers of|hack (?:into)?|stolen|counterfeit|fake (?:id|passport)|child porn\w*)\b",
    re.IGNORECASE,
)
ADVICE = re.compile(
    r"\b(?:diagnos\w+|symptoms?|dosage|prescri\w+|medical advice|legal advice|lawsuit|invest(?:ment|ing)?|"
    r"stock market|bitcoin|crypto\w*|tax(?:es)?|election|president|politic\w*|religio\w*|weather|football score|"
    r"write (?:me )?(?:a |an )?(?:poem|essay|story|song|code|program|email)|homework|translate|capital of|"
    r"tell me a joke|joke|recipe for|who won|news)\b",
    re.IGNORECASE,
)
LEAK = re.compile(
    r"\b(?:(?:ignore|disregard|forget) (?:all |any |your |the |previous |prior |above )+"
    r"(?:instructions?|rules|prompts?)|system prompt|your (?:instructions|prompt|rules)|developer mode|jailbreak|"
    r"(?:purchase|wholesale|cost) price|(?:profit )?margins?\b|other (?:shoppers?|customers?|users?)['’]? "
    r"(?:data|orders?|addresses|names|preferences)|what did .{1,40} buy)",
    re.IGNORECASE,
)

COMPARE = re.compile(
    r"\b(?:compare|comparison|difference between|versus|vs\.?|which (?:one )?is better)\b", re.IGNORECASE
)
COMPARE_SPLIT = re.compile(r"\s+(?:and|with|to|versus|vs\.?|or|against)\s+|\s*[,/&]\s*", re.IGNORECASE)
COMPARE_LEAD = re.compile(
    r"^.*?\b(?:compare|comparison (?:of|between)|differences? between|which (?:one )?is better,?|better:?)\s*"
    r"(?:the\s+)?",
    re.IGNORECASE,
)
SIMILAR = re.compile(
    r"\b(?:(?:something|anything|more|one|ones|others?|products?)?\s*(?:similar to|like|alternatives? (?:to|for)|"
    r"instead of))\s+(?P<what>.+)$",
    re.IGNORECASE,
)
WHY_NOT = re.compile(
    r"\bwhy (?:not|no|is(?:n't| not)|are(?:n't| not)|did(?:n't| not) you (?:show|recommend|suggest)|"
    r"do(?:n't| not) you (?:show|recommend|suggest|have))\s*(?P<what>.*)$",
    re.IGNORECASE,
)
WHY = re.compile(
    r"\bwhy (?:did you (?:show|recommend|suggest|pick|choose)|is|are|do you|this|that|these)\b\s*(?P<what>.*)$",
    re.IGNORECASE,
)
CHEAPER = re.compile(r"\b(?:cheaper|less expensive|lower price[ds]?|more affordable|something cheap)\b", re.IGNORECASE)
DETAIL = re.compile(
    r"\b(?:tell me (?:more )?about|details? (?:of|on|about)|how much (?:is|are|does|do)|what does|price of|"
    r"(?:is|are) (?:the |there )?(?P<stocked>.+?) (?:still )?(?:in stock|available|sold out)|does (?:the|this|that|it)|"
    r"has (?:the|this|that|it)|is (?:the|this|that|it)\b|what (?:is|are) the|show me the)\b",
    re.IGNORECASE,
)
GIFT = re.compile(r"\b(?:gifts?|presents?|birthday|christmas|anniversary|wedding)\b", re.IGNORECASE)
NO_LIMIT = re.compile(
    r"\b(?:no (?:price )?limit|no budget|any (?:price|budget)|without (?:a |any )?(?:price )?(?:limit|budget)|"
    r"(?:forget|drop|ignore|remove) (?:the|my) (?:budget|price|price limit|limit)|"
    r"(?:price|money|budget) (?:does ?n[o'’]?t|is ?n[o'’]?t|no longer) (?:matter|important|an issue|a problem))\b",
    re.IGNORECASE,
)
STATE = re.compile(
    r"\b(?:remember|save|store|note|set|always|my (?:size|budget|interests?) (?:is|are)|i never)\b", re.IGNORECASE
)
KNOWN = re.compile(
    r"\b(?:what do you know about me|my preferences|my profile|what have you (?:saved|stored))\b", re.IGNORECASE
)
BUY = re.compile(
    r"\b(?:add|put)\b.*\b(?:cart|basket|bag)\b|\b(?:i(?:'ll| will| want to| would like to)? (?:take|buy|order))\b",
    re.IGNORECASE,
)
RECOMMEND = re.compile(
    r"\b(?:recommend|suggest|inspire|surprise me|for me\b|what should i|popular|trending|bestsell\w*|what'?s new)",
    re.IGNORECASE,
)
AVOID = re.compile(
    r"\b(?:not|no|without|except|but not|anything but|other than|avoid)\s+(?:from\s+|by\s+)?"
    r"(?P<what>[\w&'’-]+(?: (?!and\b|but\b|for\b|under\b|or\b|in\b|with\b)[\w&'’-]+){0,2})",
    re.IGNORECASE,
)
REFINE = re.compile(
    r"^\W*(?:only|just|but|and|also|or|in|with|without|from|by|what about|how about|under|below|over|cheaper|any|"
    r"not|no|between|make it|ok(?:ay)?,? but|maybe)\b",
    re.IGNORECASE,
)
ORDINALS = {
    "first": 0,
    "1st": 0,
    "second": 1,
    "2nd": 1,
    "third": 2,
    "3rd": 2,
    "fourth": 3,
    "4th": 3,
    "fifth": 4,
    "5th": 4,
    "last": -1,
}
POINTING = re.compile(r"\b(?:it|this|that|these|those|them|one|both|two|all)\b", re.IGNORECASE)

FILLER = word_set(
    "a about all also am an and any anything are as at be been but by can could do does find for from get give good "
    "great had has have hello help hi how i if in is it its just kind know less let like likes look looking love "
    "maybe me more most much must my need needs new nice no not of ok okay on one ones only option options or other "
    "our out please price priced product products really recommend search see shall she should show so some somebody "
    "someone something sort such suggest suits thank thanks that the their them then there these they thing things "
    "this those to too under up us use want wants was we what when where which who why will wish with without would "
    "you your yours best cheap cheaper expensive budget spend around approximately item items buy purchase shop "
    "present gift gifts idea ideas stock available very am'm i'm i'd i'll hey mum mom mother dad father sister "
    "brother friend wife husband girlfriend boyfriend partner son daughter kid kids grandma grandpa him her he his "
    "hers birthday christmas compare between better difference remember save popular trending come comes second first "
    "third fourth fifth last"
)
"""Words of a message that name nothing to look for."""

PLAIN = word_set(
    "a about add after also am an and any anything are as ask at be been before bring but by can choose come compare "
    "could detail details did do does each else for from get glad go happily happy have hello help here hi how i idea "
    "if in into is just know let like list look looking make me mind moment more my need next of okay on one ones "
    "option or other our out over pick please prefer question rather read ready request say see select selection "
    "should show so some something sort suggest sure take tell thank that the their them then there these they thing "
    "think this those to together too try understand up use very want way we welcome what when where whether which "
    "who wish with would you your assistant machine catalogue product recommend recommendation result suggestion "
    "found find i'm i'll i've i'd here's that's what's let's different looked hear mean main mainly kind decide "
    "further refine"
)
"""Words of small talk. A sentence about no product holds no others, but names of categories that were asked for."""

ASKING = word_set(
    "brand budget category colour color feature gift intend limit material narrow occasion plan price range size spend "
    "style"
)
"""Further words of a question: what a shopper may be asked about, and never who they are."""

NO_NUMBERS = word_set(
    "two three four five six seven eight nine ten eleven twelve dozen dozens hundred hundreds thousand million half "
    "twice double triple percent zero"
)
